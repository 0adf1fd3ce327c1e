//! The programs in a pod: those of an image with GNU coreutils that are used to manage backups. The texts are
//! those of coreutils 9.4 in the C locale.

use std::fmt::Write;

use super::volume::{Node, Volume, parent};

/// The working folder of programs.
const WORKING_FOLDER: &str = "/opt/hivemq";
const BLOCK: u64 = 4096;

/// A command to run.
#[derive(Debug, Clone, Default)]
pub struct Process {
    pub argv: Vec<String>,
    pub environment: Vec<(String, String)>,
}

/// The end of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Exited {
        code: u8,
        stdout: String,
        stderr: String,
    },
    /// The program does not exist. The container runtime reports this, so there is no exit code.
    NotFound,
}

impl Outcome {
    fn done(stdout: impl Into<String>) -> Self {
        Self::Exited {
            code: 0,
            stdout: stdout.into(),
            stderr: String::new(),
        }
    }

    fn silent(code: u8) -> Self {
        Self::failed(code, "")
    }

    fn failed(code: u8, stderr: impl Into<String>) -> Self {
        Self::Exited {
            code,
            stdout: String::new(),
            stderr: stderr.into(),
        }
    }
}

pub fn run(process: &Process, volume: &mut Volume) -> Outcome {
    let Some((program, arguments)) = process.argv.split_first() else {
        return Outcome::NotFound;
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let name = program.rsplit('/').next().unwrap_or_default();
    let known = match name {
        "[" | "test" => "",
        "mkdir" => "p",
        "touch" => "c",
        "rm" => "rf",
        "du" => "shbk",
        "mv" => "fnT",
        "df" => "Pk",
        "ls" => "1a",
        "true" => return Outcome::done(""),
        "false" => return Outcome::silent(1),
        "printenv" => return printenv(&process.environment, &arguments),
        "sh" | "bash" => return shell(name, process, &arguments, volume),
        _ => return Outcome::NotFound,
    };
    if matches!(name, "[" | "test") {
        return test(&arguments, volume);
    }
    if arguments.contains(&"--help") {
        return Outcome::done(format!("Usage: {name} [OPTION]...\n"));
    }
    let serious = if name == "ls" { 2 } else { 1 };
    let (options, operands) = match split(name, &arguments, known) {
        Ok(found) => found,
        Err(text) => return Outcome::failed(serious, text),
    };
    let has = |option| options.contains(option);
    let paths: Vec<String> = operands.iter().map(|path| absolute(path)).collect();
    if paths.is_empty() && !matches!(name, "ls" | "du" | "df") {
        let operand = if name == "mv" || name == "touch" {
            "file operand"
        } else {
            "operand"
        };
        return Outcome::failed(1, usage(name, &format!("missing {operand}")));
    }
    match name {
        "mkdir" => each(&paths, |path| mkdir(path, has('p'), volume)),
        "touch" => each(&paths, |path| touch(path, has('c'), volume)),
        "rm" => each(&paths, |path| rm(path, has('r'), has('f'), volume)),
        "mv" => mv(&paths, &operands, has('n'), has('T'), volume),
        "du" => du(&or_here(paths), &options, volume),
        "df" => df(&or_here(paths), has('P'), volume),
        _ => ls(&or_here(paths), &operands, has('a'), volume),
    }
}

/// Splits the arguments into options, which may share one dash, and the others.
fn split<'a>(
    program: &str,
    arguments: &[&'a str],
    known: &str,
) -> Result<(String, Vec<&'a str>), String> {
    let (mut options, mut operands) = (String::new(), Vec::new());
    let mut rest = arguments.iter();
    while let Some(&argument) = rest.next() {
        match argument.strip_prefix('-') {
            Some("-") => operands.extend(rest.by_ref()),
            Some(letters) if !letters.is_empty() => {
                if let Some(wrong) = letters.chars().find(|letter| !known.contains(*letter)) {
                    return Err(usage(program, &format!("invalid option -- '{wrong}'")));
                }
                options.push_str(letters);
            }
            _ => operands.push(argument),
        }
    }
    Ok((options, operands))
}

fn usage(program: &str, problem: &str) -> String {
    format!("{program}: {problem}\nTry '{program} --help' for more information.\n")
}

/// Returns an absolute path without dots and doubled slashes.
fn absolute(path: &str) -> String {
    let whole = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{WORKING_FOLDER}/{path}")
    };
    let mut parts = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn or_here(paths: Vec<String>) -> Vec<String> {
    if paths.is_empty() {
        vec![WORKING_FOLDER.to_owned()]
    } else {
        paths
    }
}

/// Runs `act` for each path, even after an error.
fn each(paths: &[String], mut act: impl FnMut(&str) -> Result<(), String>) -> Outcome {
    let mut stderr = String::new();
    for path in paths {
        if let Err(text) = act(path) {
            stderr += &text;
            stderr.push('\n');
        }
    }
    Outcome::failed(u8::from(!stderr.is_empty()), stderr)
}

fn printenv(environment: &[(String, String)], names: &[&str]) -> Outcome {
    let mut stdout = String::new();
    let mut code = 0;
    for (name, value) in environment.iter().filter(|_| names.is_empty()) {
        stdout += &format!("{name}={value}\n");
    }
    for wanted in names {
        match environment.iter().find(|(name, _)| name == wanted) {
            Some((_, value)) => stdout += &format!("{value}\n"),
            None => code = 1,
        }
    }
    Outcome::Exited {
        code,
        stdout,
        stderr: String::new(),
    }
}

/// Runs `sh -c` with one simple command of words and quoted words.
fn shell(name: &str, process: &Process, arguments: &[&str], volume: &mut Volume) -> Outcome {
    let ["-c", script, ..] = arguments else {
        return Outcome::failed(2, format!("{name}: 0: only -c is simulated\n"));
    };
    let inner = Process {
        argv: words(script),
        environment: process.environment.clone(),
    };
    let Some(program) = inner.argv.first() else {
        return Outcome::done("");
    };
    match run(&inner, volume) {
        Outcome::NotFound if name == "bash" => {
            Outcome::failed(127, format!("bash: line 1: {program}: command not found\n"))
        }
        Outcome::NotFound => Outcome::failed(127, format!("sh: 1: {program}: not found\n")),
        outcome @ Outcome::Exited { .. } => outcome,
    }
}

fn words(script: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in script.chars() {
        match quote {
            Some(mark) if mark == letter => quote = None,
            None if letter == '\'' || letter == '"' => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            None if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

fn test(arguments: &[&str], volume: &Volume) -> Outcome {
    let arguments = arguments.strip_suffix(&["]"]).unwrap_or(arguments);
    let holds = match arguments {
        ["-d", path] => volume.get(&absolute(path)) == Some(Node::Folder),
        ["-f", path] => matches!(volume.get(&absolute(path)), Some(Node::File(_))),
        ["-e", path] => volume.get(&absolute(path)).is_some(),
        ["-L", path] => volume.is_link(&absolute(path)),
        [one, "-ef", other] => {
            let real = |path: &str| volume.real(&absolute(path));
            volume.get(&absolute(one)).is_some() && real(one) == real(other)
        }
        ["-w", path] => {
            let path = absolute(path);
            let inside = format!("{path}/x");
            volume.get(&path).is_some() && volume.writable(&inside).is_ok()
        }
        [text] => !text.is_empty(),
        [] => false,
        [option, ..] => {
            return Outcome::failed(2, format!("test: {option}: unary operator expected\n"));
        }
    };
    Outcome::silent(u8::from(!holds))
}

fn mkdir(path: &str, parents: bool, volume: &mut Volume) -> Result<(), String> {
    let refused = |path: &str, why| format!("mkdir: cannot create directory '{path}': {why}");
    match volume.get(path) {
        Some(Node::Folder) if parents => return Ok(()),
        Some(_) => return Err(refused(path, "File exists")),
        None => {}
    }
    if parents && volume.get(parent(path)).is_none() {
        mkdir(parent(path), true, volume)?;
    }
    let made = volume.make(path, Node::Folder);
    made.map_err(|why| refused(path, why))
}

fn touch(path: &str, only_present: bool, volume: &mut Volume) -> Result<(), String> {
    if volume.get(path).is_some() || only_present {
        return Ok(());
    }
    let made = volume.make(path, Node::File(0));
    made.map_err(|why| format!("touch: cannot touch '{path}': {why}"))
}

fn rm(path: &str, recursive: bool, force: bool, volume: &mut Volume) -> Result<(), String> {
    let refused = |why| Err(format!("rm: cannot remove '{path}': {why}"));
    match volume.get(path) {
        None if force => return Ok(()),
        None => return refused("No such file or directory"),
        Some(Node::Folder) if !recursive => return refused("Is a directory"),
        Some(_) => {}
    }
    if let Err(why) = volume.writable(path) {
        return refused(why);
    }
    volume.remove(path);
    Ok(())
}

fn mv(paths: &[String], said: &[&str], keep: bool, exact: bool, volume: &mut Volume) -> Outcome {
    let [from, to] = paths else {
        let first = said.first().unwrap_or(&"");
        let problem = format!("missing destination file operand after '{first}'");
        return Outcome::failed(1, usage("mv", &problem));
    };
    let failed = |text: String| Outcome::failed(1, format!("mv: {text}\n"));
    if volume.get(from).is_none() {
        return failed(format!("cannot stat '{from}': No such file or directory"));
    }
    let name = from.rsplit('/').next().unwrap_or_default();
    let target = match volume.get(to) {
        Some(Node::Folder) if !exact => format!("{}/{name}", to.trim_end_matches('/')),
        _ => to.clone(),
    };
    if format!("{target}/").starts_with(&format!("{from}/")) {
        return failed(format!(
            "cannot move '{from}' to a subdirectory of itself, '{target}'"
        ));
    }
    match volume.get(&target) {
        Some(_) if keep => return Outcome::done(""),
        Some(Node::Folder) if !volume.names(&target).is_empty() => {
            return failed(format!("cannot overwrite '{target}': Directory not empty"));
        }
        _ => {}
    }
    let allowed = match volume.get(parent(&target)) {
        None => Err("No such file or directory"),
        Some(Node::File(_) | Node::Link(_)) => Err("Not a directory"),
        Some(Node::Folder) => volume.writable(&target),
    };
    let allowed = allowed.and_then(|()| volume.writable(from));
    if let Err(why) = allowed {
        return failed(format!("cannot move '{from}' to '{target}': {why}"));
    }
    match volume.rename(from, &target) {
        Ok(()) => Outcome::done(""),
        Err((path, why)) => failed(format!("error writing '{path}': {why}")),
    }
}

fn du(paths: &[String], options: &str, volume: &Volume) -> Outcome {
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let exact = options.contains('b');
    for path in paths {
        if volume.get(path).is_none() {
            stderr += &format!("du: cannot access '{path}': No such file or directory\n");
            continue;
        }
        let tree = volume.tree(path);
        let sizes = tree.iter().map(|(_, node)| match node {
            Node::Folder | Node::Link(_) => BLOCK,
            Node::File(size) if exact => *size,
            Node::File(size) => size.div_ceil(BLOCK) * BLOCK,
        });
        let size: u64 = sizes.sum();
        let shown = match (exact, options.contains('h')) {
            (_, true) => human(size),
            (true, false) => size.to_string(),
            (false, false) => (size / 1024).to_string(),
        };
        stdout += &format!("{shown}\t{path}\n");
    }
    Outcome::Exited {
        code: u8::from(!stderr.is_empty()),
        stdout,
        stderr,
    }
}

/// Rounds like `du -h`: up, with one decimal place below ten.
fn human(size: u64) -> String {
    let (mut unit, mut suffix) = (1, "");
    for next in ["K", "M", "G", "T"] {
        if size < unit * 1024 {
            break;
        }
        (unit, suffix) = (unit * 1024, next);
    }
    let tenths = (size * 10).div_ceil(unit);
    if suffix.is_empty() || tenths >= 100 {
        format!("{}{suffix}", size.div_ceil(unit))
    } else {
        format!("{}.{}{suffix}", tenths / 10, tenths % 10)
    }
}

fn df(paths: &[String], portable: bool, volume: &Volume) -> Outcome {
    let (blocks, percent) = if portable {
        ("1024-blocks", "Capacity")
    } else {
        ("1K-blocks", "Use%")
    };
    let mut stdout =
        format!("Filesystem     {blocks:>11}     Used Available {percent} Mounted on\n");
    let width = percent.len();
    let (mut stderr, mut found) = (String::new(), false);
    for path in paths {
        if volume.get(path).is_none() {
            stderr += &format!("df: {path}: No such file or directory\n");
            continue;
        }
        found = true;
        let (size, free) = volume.space();
        let (disk, mount) = volume.disk(path);
        let used = size - free;
        let share = format!("{}%", (used * 100).div_ceil(size));
        // Writing to a string never fails.
        let _ = writeln!(
            stdout,
            "{disk:<14} {:>11} {:>8} {:>9} {share:>width$} {mount}",
            size / 1024,
            used / 1024,
            free / 1024,
        );
    }
    if !found {
        stdout.clear();
    }
    Outcome::Exited {
        code: u8::from(!stderr.is_empty()),
        stdout,
        stderr,
    }
}

fn ls(paths: &[String], said: &[&str], all: bool, volume: &Volume) -> Outcome {
    let (mut files, mut folders, mut stderr) = (String::new(), Vec::new(), String::new());
    for (index, path) in paths.iter().enumerate() {
        let said = said.get(index).copied().unwrap_or(".");
        match volume.get(path) {
            None => {
                stderr += &format!("ls: cannot access '{said}': No such file or directory\n");
            }
            Some(Node::File(_) | Node::Link(_)) => files += &format!("{said}\n"),
            Some(Node::Folder) => {
                let mut names = volume.names(path);
                names.retain(|name| all || !name.starts_with('.'));
                if all {
                    names.splice(0..0, [".", ".."]);
                }
                let names: String = names.iter().map(|name| format!("{name}\n")).collect();
                folders.push((said, names));
            }
        }
    }
    let titled = paths.len() > 1;
    let mut parts = Vec::new();
    if !files.is_empty() {
        parts.push(files);
    }
    for (path, names) in folders {
        parts.push(if titled {
            format!("{path}:\n{names}")
        } else {
            names
        });
    }
    Outcome::Exited {
        code: if stderr.is_empty() { 0 } else { 2 },
        stdout: parts.join("\n"),
        stderr,
    }
}

#[cfg(test)]
mod tests;
