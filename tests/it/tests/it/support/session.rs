//! The program on a pseudo-terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Output};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::{Invocation, Run};

/// The program with a terminal as stdin and stderr.
pub struct Session {
    program: Invocation,
    pub child: Child,
    /// The user's end of the terminal.
    pub terminal: File,
    pub seen: Vec<u8>,
}

impl Session {
    pub fn of(program: Invocation, arguments: &str) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("a terminal of our own");
        unlockpt(&master).expect("a terminal that can be opened");
        let size = Winsize {
            ws_row: 40,
            ws_col: 120,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).expect("a size");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let slave = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty());
        let slave = slave.expect("the program's end");
        let program = program.hears_signals().env("TERM", "xterm");
        let mut command = program.command(arguments);
        command
            .stdin(slave.try_clone().expect("the same end"))
            .stderr(slave);
        let child = command.spawn().expect("the program can be started");
        Self {
            program,
            child,
            terminal: File::from(master),
            seen: Vec::new(),
        }
    }

    /// Reads until `text` is on the screen.
    pub fn wait_for(&mut self, text: &str) {
        while !self.screen().contains(text) {
            assert!(self.read(), "it ended before {text}: {}", self.screen());
        }
    }

    pub fn press(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).expect("a reader");
    }

    /// Waits for the end. The stderr of the result is the output on the screen since `from`.
    pub fn end(mut self, from: &str) -> Run {
        while self.read() {}
        let screen = self.screen();
        let output = self.child.wait_with_output().expect("the program ends");
        let said = screen.rfind(from).map_or("", |at| &screen[at..]);
        self.program.ended(&Output {
            stderr: said.as_bytes().to_vec(),
            ..output
        })
    }

    /// Reads once, and returns whether there was output. The terminal returns an error when no process has it
    /// open.
    fn read(&mut self) -> bool {
        let mut piece = [0; 4096];
        let length = self.terminal.read(&mut piece).unwrap_or_default();
        self.seen.extend(&piece[..length]);
        length > 0
    }

    /// Returns all output so far, without cursor movements, ages, and the progress that a slow machine shows.
    pub fn screen(&self) -> String {
        let text = String::from_utf8_lossy(&self.seen).replace('\r', "");
        [
            ("\x1b\\[[0-9;?]*[A-Za-z]", ""),
            ("[\u{2800}-\u{28ff} ] Asking the backend *", ""),
            ("(?m) [0-9]+[ydhms](?:[0-9]+[dhms])?$", " AGE"),
        ]
        .into_iter()
        .fold(text, |text, (pattern, with)| {
            let pattern = regex::Regex::new(pattern).expect("a pattern");
            pattern.replace_all(&text, with).into_owned()
        })
    }
}
