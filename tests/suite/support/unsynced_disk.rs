//! A disk that forgets: what a run did to the files of a folder, according to strace, and what may remain if the power
//! fails at some moment.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

/// A disk writes a sector whole or not at all.
const SECTOR: usize = 512;

/// Something that was done.
#[derive(Debug, Clone)]
pub enum Deed {
    /// A file of this name was made.
    Made(String),
    /// Bytes were written at an offset.
    Wrote(String, usize, Vec<u8>),
    /// A file was cut, or grown, to a length.
    Cut(String, usize),
    /// A file was synced.
    Synced(String),
    /// The folder itself was synced, and with it the names of its files.
    FolderSynced,
    /// A file was renamed, replacing another.
    Renamed(String, String),
    /// A name was removed.
    Removed(String),
    /// Text was written to standard error.
    Said(String),
}

/// A deed, and when it began and ended, in Unix seconds.
#[derive(Debug, Clone)]
pub struct Done {
    pub began: f64,
    pub ended: f64,
    pub deed: Deed,
}

/// The calls that have to be recorded.
pub const CALLS: &str = "openat,open,creat,write,pwrite64,writev,pwritev,ftruncate,truncate,fallocate,lseek,\
                                fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,unlink,unlinkat";

/// Reads what strace wrote into `folder/trace.*`, a file for each thread, of what was done within `watched`.
pub fn record(folder: &Path, watched: &Path) -> Vec<Done> {
    let mut calls: Vec<(f64, String)> = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("trace.")) {
            for line in fs::read_to_string(path).expect("a trace").lines() {
                let (time, call) = line.split_once(' ').expect("a time");
                calls.push((time.parse().expect("a time"), call.to_owned()));
            }
        }
    }
    calls.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut reader = TraceReader { watched: watched.to_string_lossy().into_owned(), places: HashMap::new() };
    let done = calls.into_iter().filter_map(|(began, call)| {
        // How long it took stands at the end: `<0.000121>`.
        let took: f64 = call.rsplit_once('<')?.1.trim_end_matches('>').parse().ok()?;
        Some(Done { began, ended: began + took, deed: reader.read(&call)? })
    });
    done.collect()
}

/// Makes deeds of calls.
struct TraceReader {
    watched: String,
    /// Where the next `write` to an open file goes.
    places: HashMap<usize, usize>,
}

impl TraceReader {
    fn read(&mut self, call: &str) -> Option<Deed> {
        let (name, rest) = call.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(") = ")?;
        let value: i64 = result
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '-')
            .collect::<String>()
            .parse()
            .ok()?;
        if value < 0 {
            return None;
        }
        let texts = quoted(arguments, '"', '"');
        let path = |index: usize| self.within(&String::from_utf8_lossy(texts.get(index)?));
        match name {
            "openat" | "open" | "creat" => {
                let file = self.file(result)?;
                self.places.insert(value as usize, 0);
                let made = arguments.contains("O_CREAT") || name == "creat";
                if arguments.contains("O_TRUNC") {
                    return Some(Deed::Cut(file, 0));
                }
                made.then_some(Deed::Made(file))
            }
            "lseek" => {
                self.places.insert(descriptor(arguments)?, value as usize);
                None
            }
            "write" if descriptor(arguments)? == 2 => {
                Some(Deed::Said(String::from_utf8_lossy(texts.first()?).into_owned()))
            }
            "write" => {
                let file = self.file(arguments)?;
                let place = self.places.entry(descriptor(arguments)?).or_insert(0);
                let at = *place;
                *place += value as usize;
                Some(Deed::Wrote(file, at, texts.first()?[..value as usize].to_vec()))
            }
            "pwrite64" => {
                let file = self.file(arguments)?;
                let at = arguments.rsplit(", ").next()?.parse().ok()?;
                Some(Deed::Wrote(file, at, texts.first()?[..value as usize].to_vec()))
            }
            "ftruncate" => {
                Some(Deed::Cut(self.file(arguments)?, arguments.rsplit(", ").next()?.parse().ok()?))
            }
            "fsync" | "fdatasync" => match self.file(arguments)? {
                file if file.is_empty() => Some(Deed::FolderSynced),
                file => Some(Deed::Synced(file)),
            },
            "rename" | "renameat" | "renameat2" => Some(Deed::Renamed(path(0)?, path(1)?)),
            "unlink" | "unlinkat" => Some(Deed::Removed(path(0)?)),
            // Reserved space holds nothing that anyone reads.
            "fallocate" => None,
            // Only sockets are written in this way, no files.
            "writev" if self.file(arguments).is_none() => None,
            other => match self.file(arguments) {
                None => None,
                Some(file) => panic!("{other} on {file:?}: this disk does not know of it"),
            },
        }
    }

    /// The name, within the watched folder, of the first open file of a text: `7</tmp/folder/name>`.
    fn file(&self, text: &str) -> Option<String> {
        let open = text.split_once('"').map_or(text, |(before, _)| before);
        let path = quoted(open, '<', '>').into_iter().next()?;
        let path = String::from_utf8(path).ok()?;
        path.strip_prefix(&self.watched).map(|name| name.trim_start_matches('/').to_owned())
    }

    /// The name of a path that was given: the run works in the watched folder.
    fn within(&self, path: &str) -> Option<String> {
        let path = path.strip_prefix(&self.watched).map_or(path, |name| name.trim_start_matches('/'));
        let path = path.strip_prefix("./").unwrap_or(path);
        (!path.starts_with('/')).then(|| path.to_owned())
    }
}

fn descriptor(arguments: &str) -> Option<usize> {
    arguments.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}

/// The texts between two signs, their escapes (`\x2f`) undone.
fn quoted(text: &str, begin: char, end: char) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(begin) {
        let Some((inside, behind)) = after.split_once(end) else { break };
        texts.push(unescaped(inside));
        rest = behind;
    }
    texts
}

fn unescaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len() / 4);
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 2..at + 4)) {
            (b'\\', Some(hex)) if bytes[at + 1] == b'x' => {
                let hex = std::str::from_utf8(hex).expect("ASCII");
                plain.push(u8::from_str_radix(hex, 16).expect("two hexadecimal digits"));
                at += 4;
            }
            (byte, _) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    plain
}

/// The fate of unsynced data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// All of it is gone.
    Gone,
    /// Names survive, as on journaling file systems, but unsynced contents are lost.
    NamesOnly,
    /// Some sectors were written and others were not, in any order, and the first few changes of names survive.
    Torn(u64),
}

/// A file's content: what is safe, and the changes since.
#[derive(Debug, Default, Clone)]
struct File {
    safe: Vec<u8>,
    since: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Wrote(usize, Vec<u8>),
    Cut(usize),
}

/// The files of a folder on a disk that forgets.
#[derive(Debug, Default, Clone)]
pub struct Disk {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    /// The names after each change since the folder was synced; the first are safe.
    history: Vec<BTreeMap<String, usize>>,
}

impl Disk {
    /// A disk after these actions.
    pub fn after<'d>(deeds: impl IntoIterator<Item = &'d Deed>) -> Self {
        let mut disk = Self { history: vec![BTreeMap::new()], ..Self::default() };
        deeds.into_iter().for_each(|deed| disk.suffer(deed));
        disk
    }

    fn suffer(&mut self, deed: &Deed) {
        match deed {
            Deed::Made(name) => drop(self.file(name)),
            Deed::Wrote(name, at, bytes) => self.file(name).since.push(Change::Wrote(*at, bytes.clone())),
            Deed::Cut(name, length) => self.file(name).since.push(Change::Cut(*length)),
            Deed::Synced(name) => {
                let file = self.file(name);
                let changes = std::mem::take(&mut file.since);
                changes.iter().for_each(|change| apply(&mut file.safe, change));
            }
            Deed::FolderSynced => self.history = vec![self.names.clone()],
            Deed::Renamed(from, to) => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                    self.history.push(self.names.clone());
                }
            }
            Deed::Removed(name) => {
                if self.names.remove(name).is_some() {
                    self.history.push(self.names.clone());
                }
            }
            Deed::Said(_) => {}
        }
    }

    fn file(&mut self, name: &str) -> &mut File {
        let index = match self.names.get(name) {
            Some(index) => *index,
            None => {
                self.files.push(File::default());
                self.names.insert(name.to_owned(), self.files.len() - 1);
                self.history.push(self.names.clone());
                self.files.len() - 1
            }
        };
        &mut self.files[index]
    }

    /// The files that are found after the power came back.
    pub fn found(&self, fate: Fate) -> BTreeMap<String, Vec<u8>> {
        let mut dice = Dice(match fate {
            Fate::Torn(seed) => seed,
            Fate::Gone | Fate::NamesOnly => 0,
        });
        let names = match fate {
            Fate::Gone => self.history.first(),
            Fate::NamesOnly => self.history.last(),
            Fate::Torn(_) => self.history.get(dice.below(self.history.len())),
        };
        let names = names.into_iter().flatten();
        names.map(|(name, file)| (name.clone(), self.files[*file].found(fate, &mut dice))).collect()
    }
}

impl File {
    fn found(&self, fate: Fate, dice: &mut Dice) -> Vec<u8> {
        let mut content = self.safe.clone();
        if let Fate::Torn(_) = fate {
            for change in &self.since {
                change.torn(dice).iter().for_each(|change| apply(&mut content, change));
            }
        }
        content
    }
}

impl Change {
    /// The parts of a change that have reached the disk.
    fn torn(&self, dice: &mut Dice) -> Vec<Self> {
        let Self::Wrote(at, bytes) = self else {
            return if dice.below(2) == 0 { vec![self.clone()] } else { vec![] };
        };
        let mut sectors = Vec::new();
        let mut from = 0;
        while from < bytes.len() {
            let to = bytes.len().min(from + SECTOR - (at + from) % SECTOR);
            if dice.below(2) == 0 {
                sectors.push(Self::Wrote(at + from, bytes[from..to].to_vec()));
            }
            from = to;
        }
        sectors
    }
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Cut(length) => content.resize(*length, 0),
        Change::Wrote(at, bytes) => {
            content.resize(content.len().max(at + bytes.len()), 0);
            content[*at..at + bytes.len()].copy_from_slice(bytes);
        }
    }
}

/// Chance under a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, many: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % many
    }
}
