//! Files that are compressed, truncated, damaged, malicious or random.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::folder::{Folder, gzip, open, parquet_of, read_all, row, sheet_rows, zstd};
use super::workbook::workbook;
use crate::read::{Expansion, Projection};
use crate::row::Item;

#[test]
fn compressed_text_is_recognised_by_its_first_bytes() {
    let folder = Folder::new();
    for (name, compress) in
        [("a.csv.gz", gzip as fn(&[u8]) -> Vec<u8>), ("a.csv.zst", zstd), ("gz.csv", gzip), ("zst.csv", zstd)]
    {
        let members = [compress(b"\xef\xbb\xbfa,b\n1,"), compress(b"2\n3,4\n")].concat();
        let items = read_all(folder.spec(&[&folder.write(name, &members)]), Projection::Fields).unwrap();
        assert_eq!(row(&items[1]).fields["b"], "4", "{name}");

        let content: Vec<u8> = (0..20_000)
            .flat_map(|n: u32| format!("{},x\n", n.wrapping_mul(2_654_435_761)).into_bytes())
            .collect();
        let whole = compress(&content);
        let cut = folder.write(name, &whole[..whole.len() - 20]);
        let error = read_all(folder.spec(&[&cut]), Projection::Fields).unwrap_err();
        assert_eq!(
            error,
            format!(
                "{cut} cannot be decompressed: it ends too early, as after an interrupted download; download it again"
            )
        );
        let mut damaged = whole.clone();
        damaged[whole.len() / 2..][..64].fill(0x5a);
        let error = read_all(folder.spec(&[&folder.write(name, damaged)]), Projection::Fields).unwrap_err();
        assert!(error.contains("cannot be decompressed"), "{error}");
    }
    let named = folder.write("b.csv.gz", "a\n1\n");
    assert!(open(folder.spec(&[&named])).unwrap_err().contains("is not a .gz file"));
}

#[test]
fn a_decompression_bomb_ends_in_an_error() {
    let folder = Folder::new();
    for (name, bomb) in [
        ("a.jsonl.gz", gzip(&[b' '; 4 << 20])),
        ("a.csv.zst", zstd(&[b'\n'; 4 << 20])),
        ("a.xlsx", workbook(&[("A", "visible", &" ".repeat(4 << 20))], "", "")),
    ] {
        let path = folder.write(name, bomb);
        let mut spec = folder.spec(&[&path]);
        spec.expansion = Expansion { ratio: 100, free_bytes: 1 << 20 };
        let error = read_all(spec, Projection::Fields).unwrap_err();
        assert!(error.starts_with(&path) && error.contains("expands to more than 1048576 bytes"), "{error}");
    }
}

/// The place of each item and whether it is bad, in passes with different projections of the same file.
fn passes(folder: &Folder, name: &str, content: &[u8]) -> Vec<Vec<(String, bool)>> {
    let path = folder.write(name, content);
    let mut spec = folder.spec(&[&path]);
    spec.max_record_bytes = 64;
    let Ok(source) = open(spec) else { return Vec::new() };
    let pass = |wanted| {
        let items = source.rows(wanted).into_iter().flatten().map_while(Result::ok);
        let numbered = items.enumerate().inspect(|(index, item)| assert_eq!(item.position(), *index as u64));
        numbered.map(|(_, item)| (item.place().to_string(), matches!(item, Item::Bad(_)))).collect()
    };
    vec![pass(Projection::Fields), pass(Projection::Only(BTreeSet::new())), pass(Projection::Origin)]
}

/// Bytes of which many are special characters of the formats.
fn signs() -> impl Strategy<Value = Vec<u8>> {
    let sign = prop_oneof![
        8 => proptest::sample::select(b"\",;\n\r{}[]:\\ua1d80 \t|".to_vec()),
        1 => any::<u8>(),
    ];
    proptest::collection::vec(sign, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic_and_positions_are_consecutive(content in signs()) {
        let folder = Folder::new();
        for name in ["a.csv", "a.tsv", "a.jsonl"] {
            for content in [content.clone(), [b"a,b\n", content.as_slice()].concat()] {
                let passes = passes(&folder, name, &content);
                prop_assert!(passes.windows(2).all(|pair| pair[0] == pair[1]));
            }
        }
    }

    #[test]
    fn damaged_files_never_panic(at in 0_usize..10_000, byte in any::<u8>(), cut in 0_usize..10_000) {
        let folder = Folder::new();
        let rows: Vec<(i64, Option<&str>)> = (0..50).map(|id| (id, (id % 3 > 0).then_some("some text"))).collect();
        let xlsx = workbook(&[("A", "visible", &sheet_rows(&rows))], "", "");
        let table = "a,b\n1,2\n".repeat(50);
        let files =
            [("a.parquet", parquet_of(&rows)), ("a.xlsx", xlsx), ("a.csv.gz", gzip(table.as_bytes())), ("a.csv.zst", zstd(table.as_bytes()))];
        for (name, whole) in files {
            let mut damaged = whole.clone();
            damaged[at % whole.len()] = byte;
            passes(&folder, name, &damaged);
            passes(&folder, name, &whole[..cut % whole.len()]);
        }
    }
}
