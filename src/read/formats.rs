//! The format of each input file, and which formats can be mixed.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::bytes::{ENCRYPTED_MAGIC, PARQUET_MAGIC, TextFile};
use super::error::ReadError;
use super::files::Listed;
use super::sheet::ZIP_MAGIC;
use super::spec::{InputSpec, STDIN_NAME};
use crate::format::{Compression, Format};
use crate::regular;

/// The format of one file: the job's setting, otherwise the file's extension; for standard input, its first bytes.
pub(super) fn settle(file: &Listed, spec: &InputSpec) -> Result<Format, ReadError> {
    let format = match (spec.format, file.name.as_str()) {
        (Some(format), _) => format,
        (None, STDIN_NAME) => sniff(&file.name, &file.path, spec)?,
        (None, name) => Format::of_path(name).ok_or_else(|| unknown(name))?,
    };
    let what = match format {
        Format::Parquet => "Parquet",
        Format::Xlsx => ".xlsx",
        _ => return Ok(format),
    };
    if Compression::of_path(&file.name) != Compression::Plain {
        let reason = format!("compressed {what} cannot be read; decompress it first");
        return Err(ReadError::format(&file.name, reason));
    }
    Ok(format)
}

/// CSV, TSV and spreadsheets can be mixed, since all are tables whose values are text or have a type of their own. The values of
/// all others differ in kind.
pub(super) fn agree(files: &[(&str, Format)]) -> Result<(), ReadError> {
    let family = |format| match format {
        Format::Tsv | Format::Xlsx => Format::Csv,
        other => other,
    };
    let Some((first, expected)) = files.first().copied() else { return Ok(()) };
    match files.iter().find(|(_, format)| family(*format) != family(expected)) {
        None => Ok(()),
        Some((file, format)) => Err(ReadError::format(
            file,
            format!("is {format}, and {first} is {expected}; the files of one input must be of one format"),
        )),
    }
}

fn sniff(name: &str, path: &Path, spec: &InputSpec) -> Result<Format, ReadError> {
    let mut magic = Vec::new();
    regular::open(path)
        .and_then(|file| file.take(PARQUET_MAGIC.len() as u64).read_to_end(&mut magic))
        .map_err(|error| ReadError::unreadable(name, error))?;
    if magic == PARQUET_MAGIC || magic == ENCRYPTED_MAGIC {
        return Ok(Format::Parquet);
    }
    if magic == ZIP_MAGIC {
        return Ok(Format::Xlsx);
    }
    let text = TextFile::open(&Arc::from(name), path, spec.expansion, spec.encoding.as_deref())?;
    Ok(match text.head().trim_ascii_start().first() {
        // If it is an array, each line is then rejected with a reason. An empty input has no rows.
        Some(b'{' | b'[') | None => Format::Jsonl,
        Some(_) => Format::Csv,
    })
}

fn unknown(name: &str) -> ReadError {
    let advice = match Path::new(name).extension().and_then(|ending| ending.to_str()) {
        Some("json") => {
            "the ending `.json` does not say whether each line is an object; if so, set the format to jsonl, \
             otherwise convert it, for example with `jq -c '.[]'`"
        }
        Some("xlsm") => "a spreadsheet with macros is read with `format = \"xlsx\"` under [input]",
        Some("xls" | "xlsb" | "ods" | "numbers") => {
            "of spreadsheets only .xlsx is read: save it as .xlsx, or convert it, for example with \
             `soffice --headless --convert-to xlsx`"
        }
        _ => {
            "its ending is not that of a known format; set jsonl, csv, tsv, parquet or xlsx as `format` under \
             [input], or text for a document, or with --set input.format=csv"
        }
    };
    ReadError::format(name, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str) -> Listed {
        Listed { name: name.into(), path: name.into() }
    }

    #[test]
    fn the_job_beats_the_ending_and_an_unknown_ending_is_refused_with_advice() {
        let settle = |name: &str, format| {
            settle(&listed(name), &InputSpec { format, ..InputSpec::new([name], "spool") })
        };
        assert_eq!(settle("a.csv", None).unwrap(), Format::Csv);
        assert_eq!(settle("a.csv", Some(Format::Jsonl)).unwrap(), Format::Jsonl);
        assert!(settle("a.json", None).unwrap_err().to_string().contains("jsonl"));
        assert_eq!(settle("a.xlsx", None).unwrap(), Format::Xlsx);
        assert!(settle("a.xls", None).unwrap_err().to_string().contains("save it as .xlsx"));
        assert!(settle("a.xlsx.gz", None).unwrap_err().to_string().contains("decompress"));
        assert!(settle("a", None).unwrap_err().to_string().contains("not that of a known format"));
        assert!(settle("a.parquet.gz", None).unwrap_err().to_string().contains("decompress"));
    }

    #[test]
    fn csv_tsv_and_spreadsheets_go_together_and_nothing_else_does() {
        assert!(agree(&[("a", Format::Csv), ("b", Format::Tsv), ("c", Format::Xlsx)]).is_ok());
        let error = agree(&[("a", Format::Csv), ("b", Format::Jsonl)]).unwrap_err().to_string();
        assert_eq!(error, "b: is jsonl, and a is csv; the files of one input must be of one format");
    }
}
