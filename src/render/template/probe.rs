//! The process that tries renderings out: it reads the templates and what rows hold from its standard input.

use std::io::{self, Read, Write};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Map, Value};

use super::prober::{Briefing, Tryout};
pub use super::prober::{NAME, allow};
use super::reading::TemplateSource;
use super::templates::Templates;
use crate::job::TemplateText;

/// Tries renderings out as it is asked, until nobody asks any more; a dot for each that is done.
///
/// # Errors
///
/// When nobody asks, or what is asked cannot be made sense of.
pub fn probe(asked: &mut impl Read, told: &mut impl Write) -> io::Result<()> {
    let Briefing { known, longest, sources, memory } = serde_json::from_slice(&frame(asked)?)?;
    let mut templates = Templates::of_names(known, longest);
    for (name, source, keeps_type) in sources {
        let text = TemplateText { source, place: None };
        templates.compile(TemplateSource { name, text, keeps_type }).map_err(io::Error::other)?;
    }
    bound(memory)?;
    loop {
        told.write_all(b".")?;
        told.flush()?;
        let Tryout { number, fields } = serde_json::from_slice(&frame(asked)?)?;
        let fields: Map<String, Value> = fields;
        // What it fails of is told where it is rendered in earnest.
        let _ = templates.fill(&fields).rendered(number);
    }
}

fn frame(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let mut bytes = Vec::new();
    let length = u64::from_le_bytes(length);
    from.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Bounds this process to so much memory more than it has, and to no core file of it.
fn bound(memory: u64) -> io::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let size = size.and_then(|size| size.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    // Where the system does not say how much it is, there is nothing to go by.
    let most = size.ok_or(io::ErrorKind::Unsupported)? * 1024 + memory;
    let before = getrlimit(Resource::As);
    let most = before.current.map_or(most, |before| before.min(most));
    setrlimit(Resource::As, Rlimit { current: Some(most), maximum: before.maximum })?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}
