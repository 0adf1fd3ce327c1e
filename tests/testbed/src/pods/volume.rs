//! The files of one pod: folders, and files of which only the size is known.

use std::collections::BTreeMap;

const GIBIBYTE: u64 = 1 << 30;
/// The size of the disk with the backups, in bytes.
const SIZE: u64 = 20 * GIBIBYTE;
const FREE: u64 = 12 * GIBIBYTE;

/// The folders that HiveMQ's user can write to.
const WRITABLE: [&str; 4] = ["/opt/hivemq", "/mnt", "/tmp", "/var/tmp"];
/// A volume that is mounted read-only.
const READ_ONLY: &str = "/readonly";
/// The folder of the kernel's process information, which is not writable.
const PROC: &str = "/proc";
/// A symbolic link to itself, and one to the folder of backups.
const LOOP: &str = "/mnt/loop";
const LINK: &str = "/mnt/link-to-backups";
const FILE: &str = "/mnt/file";
/// Maximum number of links to follow.
const MAX_LINKS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    Folder,
    File(u64),
    Link(Link),
}

/// The target of a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    ToItself,
    ToBackups,
}

#[derive(Debug)]
pub struct Volume {
    nodes: BTreeMap<String, Node>,
    /// The folder of backups.
    backups: String,
    /// The mount point of the disk with the backups.
    mount: String,
    free: u64,
}

/// An error of the system, in its words.
pub type Errno = &'static str;

impl Volume {
    pub fn new(folder: &str) -> Self {
        // A volume that all pods share contains more than backups.
        let mount = if folder.starts_with("/mnt/") {
            parent(folder)
        } else {
            folder
        };
        let mut volume = Self {
            nodes: BTreeMap::new(),
            backups: folder.to_owned(),
            mount: mount.to_owned(),
            free: FREE,
        };
        let usual = [
            "/",
            "/etc",
            "/opt/hivemq/data",
            "/usr/bin",
            READ_ONLY,
            PROC,
            folder,
        ];
        for path in usual.into_iter().chain(WRITABLE) {
            volume.put_folder(path);
        }
        volume.put_file(FILE, 1);
        for (path, link) in [(LOOP, Link::ToItself), (LINK, Link::ToBackups)] {
            volume.nodes.insert(path.to_owned(), Node::Link(link));
        }
        volume
    }

    pub fn set_free(&mut self, free: Option<u64>) {
        self.free = free.unwrap_or(FREE);
    }

    /// Returns the file or folder at a path; links are followed.
    pub fn get(&self, path: &str) -> Option<Node> {
        self.nodes.get(&self.real(path)?).copied()
    }

    /// Returns a path without symbolic links, or `None` if they form a loop.
    pub fn real(&self, path: &str) -> Option<String> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let ends = path.match_indices('/').skip(1).map(|(at, _)| at);
            let mut ends = ends.chain([path.len()]);
            let link = ends.find_map(|end| match self.nodes.get(&path[..end]) {
                Some(Node::Link(link)) => Some((end, *link)),
                _ => None,
            });
            match link {
                None => return Some(path),
                Some((_, Link::ToItself)) => return None,
                Some((end, Link::ToBackups)) => path = format!("{}{}", self.backups, &path[end..]),
            }
        }
        None
    }

    /// Returns whether a path is itself a symbolic link.
    pub fn is_link(&self, path: &str) -> bool {
        matches!(self.nodes.get(path), Some(Node::Link(_)))
    }

    /// Creates a folder and those above it, without a check of permissions.
    pub fn put_folder(&mut self, path: &str) {
        for (at, _) in path.match_indices('/').skip(1) {
            self.nodes.insert(path[..at].to_owned(), Node::Folder);
        }
        self.nodes.insert("/".to_owned(), Node::Folder);
        self.nodes.insert(path.to_owned(), Node::Folder);
    }

    pub fn put_file(&mut self, path: &str, size: u64) {
        self.nodes.insert(path.to_owned(), Node::File(size));
    }

    /// Returns the names in a folder.
    pub fn names(&self, folder: &str) -> Vec<&str> {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let below = self
            .nodes
            .keys()
            .filter_map(|path| path.strip_prefix(&*prefix));
        below
            .filter(|name| !name.is_empty() && !name.contains('/'))
            .collect()
    }

    /// Returns a path and everything below it.
    pub fn tree(&self, path: &str) -> Vec<(String, Node)> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let within = |(other, _): &(&String, &Node)| *other == path || other.starts_with(&prefix);
        let nodes = self.nodes.iter().filter(within);
        nodes.map(|(path, node)| (path.clone(), *node)).collect()
    }

    /// Checks whether a file can be created or removed at a path.
    pub fn writable(&self, path: &str) -> Result<(), Errno> {
        let within = |folder: &str| path.starts_with(&format!("{folder}/"));
        if within(READ_ONLY) {
            Err("Read-only file system")
        } else if within(PROC) {
            Err("No such file or directory")
        } else if within(&self.mount) || WRITABLE.into_iter().any(within) {
            Ok(())
        } else {
            Err("Permission denied")
        }
    }

    /// Creates a file or folder in an existing folder.
    pub fn make(&mut self, path: &str, node: Node) -> Result<(), Errno> {
        match self.get(parent(path)) {
            None => return Err("No such file or directory"),
            Some(Node::File(_) | Node::Link(_)) => return Err("Not a directory"),
            Some(Node::Folder) => {}
        }
        self.writable(path)?;
        self.nodes.insert(path.to_owned(), node);
        Ok(())
    }

    pub fn remove(&mut self, path: &str) {
        for (path, _) in self.tree(path) {
            self.nodes.remove(&path);
        }
    }

    /// Moves a tree. A move to another disk copies it, which needs free space; like the real command, a
    /// failed move keeps the copied part. The error names the path.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), (String, Errno)> {
        let tree = self.tree(from);
        let size: u64 = tree.iter().map(|(_, node)| node.size()).sum();
        let full = self.disk(from).0 != self.disk(to).0 && size > self.free;
        for (path, node) in &tree {
            let target = format!("{to}{}", &path[from.len()..]);
            if full && let Node::File(_) = node {
                self.nodes.insert(target.clone(), Node::File(self.free));
                return Err((target, "No space left on device"));
            }
            self.nodes.insert(target, *node);
        }
        self.remove(from);
        Ok(())
    }

    /// Returns the disk of a path and its mount point.
    pub fn disk(&self, path: &str) -> (&'static str, &str) {
        let below = path.starts_with(&format!("{}/", self.mount));
        if below || path == self.mount {
            ("/dev/sdb", &self.mount)
        } else {
            ("overlay", "/")
        }
    }

    /// Returns the size and the free space of a disk, in bytes.
    pub fn space(&self) -> (u64, u64) {
        (SIZE.max(self.free), self.free)
    }
}

impl Node {
    pub fn size(self) -> u64 {
        match self {
            Self::Folder | Self::Link(_) => 0,
            Self::File(size) => size,
        }
    }
}

pub fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}
