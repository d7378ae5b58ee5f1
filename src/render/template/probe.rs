//! The process that tries renderings: it reads the templates and the rows' values from its standard input.

use std::io::{self, Read, Write};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Map, Value};

use super::prober::{Briefing, Tryout};
pub use super::prober::{NAME, allow};
use super::reading::TemplateSource;
use super::templates::Templates;
use crate::job::TemplateText;

/// Tries each rendering that it is sent, and writes a dot for each, until its input ends.
///
/// # Errors
///
/// The input has ended, or is not valid.
pub fn probe(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let Briefing { known, longest, sources, memory, has_pieces, each } =
        serde_json::from_slice(&frame(input)?)?;
    let mut templates = Templates::of_names(known, longest);
    (templates.has_pieces, templates.each) = (has_pieces, each);
    for (name, source, keeps_type) in sources {
        let text = TemplateText { source, place: None };
        templates.compile(TemplateSource { name, text, keeps_type }).map_err(io::Error::other)?;
    }
    bound(memory)?;
    loop {
        output.write_all(b".")?;
        output.flush()?;
        let Tryout { number, fields } = serde_json::from_slice(&frame(input)?)?;
        let fields: Map<String, Value> = fields;
        // An error is reported when the run renders the row itself.
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

/// Limits this process to this much additional memory, and disables core dumps.
fn bound(memory: u64) -> io::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let size = size.and_then(|size| size.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    // Without the current size there is no base for a limit.
    let most = size.ok_or(io::ErrorKind::Unsupported)? * 1024 + memory;
    let before = getrlimit(Resource::As);
    let most = before.current.map_or(most, |before| before.min(most));
    setrlimit(Resource::As, Rlimit { current: Some(most), maximum: before.maximum })?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}
