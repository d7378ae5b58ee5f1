//! Where the edges between pieces are: by what is written there, and not by what is before.
//!
//! At first there is an edge before each span. From the weakest to the strongest, an edge falls if what it parts is not
//! too much for one piece. How strong an edge is follows from the span behind it alone: first its rank, then a hash. A
//! change in one span so moves the edges around it, and no others: whether an edge stands depends on nothing but what is
//! within about one piece of it, and on edges that are weaker.

use std::ops::Range;

/// How strong the edge before a span is: smaller is stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EdgeStrength {
    rank: u8,
    hash: u64,
    /// The hash of the span before, for spans that say the same.
    before: u64,
}

/// The strengths of the edges before stretches of a text, each with its rank.
pub(super) fn strengths(
    text: &str,
    stretches: impl Iterator<Item = (u8, Range<usize>)>,
) -> Vec<EdgeStrength> {
    let mut before = 0;
    let strength = |(rank, range): (u8, Range<usize>)| {
        let hash = least_hash(&text.as_bytes()[range]);
        EdgeStrength { rank, hash, before: std::mem::replace(&mut before, hash) }
    };
    stretches.map(strength).collect()
}

/// Groups of neighbours, each of at most `budget`, except one that is too much alone. `between` is what two neighbours take
/// besides their own sizes.
pub(super) fn groups(
    sizes: &[u64],
    strengths: &[EdgeStrength],
    between: u64,
    budget: u64,
) -> Vec<Range<usize>> {
    let mut order: Vec<usize> = (1..sizes.len()).collect();
    order.sort_unstable_by(|a, b| strengths[*b].cmp(&strengths[*a]).then(a.cmp(b)));
    // Of a group, its first member knows the end and the size, and its last one knows the start.
    let mut ends: Vec<usize> = (1..=sizes.len()).collect();
    let mut starts: Vec<usize> = (0..sizes.len()).collect();
    let mut sums = sizes.to_vec();
    for edge in order {
        let left = starts[edge - 1];
        let together = sums[left].saturating_add(sums[edge]).saturating_add(between);
        if together <= budget {
            sums[left] = together;
            ends[left] = ends[edge];
            starts[ends[edge] - 1] = left;
        }
    }
    let mut groups = vec![];
    let mut start = 0;
    while start < sizes.len() {
        groups.push(start..ends[start]);
        start = ends[start];
    }
    groups
}

/// The least of the hashes of all stretches of 16 bytes: most edits of a paragraph leave it as it is.
fn least_hash(bytes: &[u8]) -> u64 {
    // Four bits a byte, so that a byte is forgotten after 16.
    let mut window = 0_u64;
    let mut least = u64::MAX;
    for (index, byte) in bytes.iter().enumerate() {
        let mixed = u64::from(*byte).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        window = (window << 4).wrapping_add(mixed >> 8);
        if index >= 15 || index + 1 == bytes.len() {
            least = least.min((window ^ (window >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9));
        }
    }
    least
}
