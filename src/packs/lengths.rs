//! Whether parts have the lengths of their texts' translations, each by itself and all together.
//!
//! A shift in the middle of a pack (two texts under one mark, and another in two halves) leaves as many parts as there are
//! texts, and no part that is odd by itself. The lengths show it: they fit better one place further on. That is what aligns
//! sentences of two languages (Gale and Church, "A Program for Aligning Sentences in Bilingual Corpora", 1993).

use super::refusal::PackRefusal;

/// How much shorter or longer a translation may be, in characters.
const SHORTEST: f64 = 0.2;
const LONGEST: f64 = 6.0;

/// Characters below which a text's length says nothing about how short its translation may be.
const TELLING: usize = 60;

/// Characters that a translation of any text may have beyond that.
const ALWAYS: f64 = 30.0;

/// The variance of a translation's length for each character of its text (Gale and Church).
const VARIANCE: f64 = 6.8;

/// What it costs to take two texts for one, or one for two, in hundredths of a natural logarithm (Gale and Church).
const MERGED: f64 = 230.0;

/// What it costs to take a text, or a part, for one that has no other side.
const LEFT_OUT: f64 = 450.0;

/// How much better another alignment must be before it is believed: a factor of about 20,000 in likelihood.
const MARGIN: f64 = 1_000.0;

/// The fewest texts in which a shift can be distinguished from chance.
const FEWEST: usize = 4;

/// Looks at the lengths of translations.
pub(super) fn check(texts: &[&str], parts: &[&str]) -> Result<(), PackRefusal> {
    let texts: Vec<f64> = texts.iter().map(|text| text.chars().count() as f64).collect();
    let parts: Vec<f64> = parts.iter().map(|part| part.chars().count() as f64).collect();
    let odd = |(text, part): (&f64, &f64)| {
        let too_short = *text >= TELLING as f64 && *part < text * SHORTEST;
        too_short || *part > text * LONGEST + ALWAYS
    };
    if let Some(odd) = texts.iter().zip(&parts).position(odd) {
        return Err(PackRefusal::Length(odd + 1));
    }
    match texts.len() >= FEWEST && is_shifted(&texts, &parts) {
        true => Err(PackRefusal::Shifted),
        false => Ok(()),
    }
}

/// Whether another alignment than one for one is much more likely, by lengths alone.
fn is_shifted(texts: &[f64], parts: &[f64]) -> bool {
    let count = texts.len();
    let scale = parts.iter().sum::<f64>() / texts.iter().sum::<f64>().max(1.0);
    let direct: f64 = texts.iter().zip(parts).map(|(text, part)| cost(*text, *part, scale)).sum();
    // Every other alignment has at least two of these.
    if direct <= MARGIN + 2.0 * MERGED {
        return false;
    }
    // `best[parts taken]` of the texts so far; two rows back for two texts in one part.
    let width = count + 1;
    let mut best = vec![f64::INFINITY; (count + 1) * width];
    best[0] = 0.0;
    for text in 0..=count {
        for part in 0..=count {
            let here = best[text * width + part];
            if here.is_infinite() {
                continue;
            }
            let mut reach = |more_texts: usize, more_parts: usize, penalty: f64| {
                if text + more_texts > count || part + more_parts > count {
                    return;
                }
                let length: f64 = texts[text..text + more_texts].iter().sum();
                let found: f64 = parts[part..part + more_parts].iter().sum();
                let is_pair = more_texts > 0 && more_parts > 0;
                let cost = here + penalty + if is_pair { cost(length, found, scale) } else { 0.0 };
                let there = &mut best[(text + more_texts) * width + part + more_parts];
                *there = there.min(cost);
            };
            reach(1, 1, 0.0);
            reach(2, 1, MERGED);
            reach(1, 2, MERGED);
            reach(1, 0, LEFT_OUT);
            reach(0, 1, LEFT_OUT);
        }
    }
    best[count * width + count] + MARGIN < direct
}

/// How unlikely it is that a text of this length has a translation of that one, in hundredths of a natural logarithm.
fn cost(text: f64, part: f64, scale: f64) -> f64 {
    let mean = (text + part / scale.max(0.01)) / 2.0;
    let deviation = (part - text * scale) / (VARIANCE * mean.max(1.0)).sqrt();
    // The tail of the normal distribution, for large deviations: a logarithm of its density.
    50.0 * deviation * deviation
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_lengths(lengths: &[usize]) -> Vec<String> {
        lengths.iter().map(|length| "x".repeat(*length)).collect()
    }

    fn checked(texts: &[usize], parts: &[usize]) -> Result<(), PackRefusal> {
        let (texts, parts) = (of_lengths(texts), of_lengths(parts));
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        check(&texts, &parts)
    }

    #[test]
    fn a_translation_far_too_short_or_too_long_is_odd() {
        assert_eq!(checked(&[100, 3], &[110, 40]), Ok(()));
        assert_eq!(checked(&[100, 3], &[19, 3]), Err(PackRefusal::Length(1)));
        assert_eq!(checked(&[100, 3], &[110, 49]), Err(PackRefusal::Length(2)));
        assert_eq!(checked(&[59, 3], &[2, 3]), Ok(()));
    }

    #[test]
    fn texts_merged_in_one_place_and_split_in_another_are_shifted_in_between() {
        let texts = [120, 40, 90, 30, 150, 60, 30, 100];
        let good = [132, 41, 103, 35, 160, 61, 36, 105];
        assert_eq!(checked(&texts, &good), Ok(()));
        // The first two under one mark, the last in two halves.
        let shifted = [174, 103, 35, 160, 61, 36, 55, 50];
        assert_eq!(checked(&texts, &shifted), Err(PackRefusal::Shifted));
        // Each under the mark of the one before it.
        let rotated = [41, 103, 35, 160, 61, 36, 105, 132];
        assert_eq!(checked(&texts, &rotated), Err(PackRefusal::Shifted));
    }
}
