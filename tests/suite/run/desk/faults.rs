//! Packs that come back damaged, and answers that do not pass their checks, in a job with everything.

use serde_json::json;

use crate::support::evidence::MISPACKINGS;
use crate::support::side_by_side;

use super::catalogue::{DESK, Desk, Item, NAME, bill, is_blank, sum};

/// Runs the job with these faults. Every translation must be its own, and all that was paid is counted. Gives the packs that
/// failed.
fn translated_in_spite_of(faults: &str, rows: usize) -> u64 {
    let mut desk = Desk::new(rows, faults, DESK);
    desk.run().expect_code(0);
    let rows = desk.assert_translated(|_, _, _| false);
    let receipt = desk.receipt();
    let run = &receipt["this_run"];
    assert_eq!(run["requests"], desk.scene.witness_count(), "{faults}: {receipt:#}");
    assert_eq!(run["total_tokens"], bill(&desk.scene), "{faults}");
    assert_eq!(sum(&rows, "total_tokens"), bill(&desk.scene) as f64, "{faults}");
    let failed = run["packs"]["failed"].as_u64().expect("a count");
    let alone = run["follow_ups"]["alone"].as_u64().expect("a count");
    assert!(alone >= 2 * failed && alone <= 10 * failed, "{faults}: {receipt:#}");
    failed
}

#[test]
fn whatever_happens_to_a_pack_each_translation_is_under_its_own_row_column_and_language() {
    side_by_side::each(MISPACKINGS.to_vec(), |damage| {
        let failed = translated_in_spite_of(&format!("[[fault]]\ntimes = 2\naction = \"{damage}\"\n"), 40);
        assert_eq!(failed, 2, "{damage}");
    });
}

#[test]
fn all_damages_in_one_job_mix_nothing_up() {
    let fault = |damage: &&str| format!("[[fault]]\nshare = 0.03\naction = \"{damage}\"\n");
    let failed = translated_in_spite_of(&MISPACKINGS.iter().map(fault).collect::<String>(), 120);
    assert!(failed > 2, "{failed}");
    // So often that packs shrink and stop.
    let fault = |damage: &&str| format!("[[fault]]\nshare = 0.1\naction = \"{damage}\"\n");
    translated_in_spite_of(&MISPACKINGS.iter().map(fault).collect::<String>(), 60);
}

/// The expressions to keep: a German translation has none of its jackets, because of the glossary.
fn with_jackets(more: &str) -> String {
    DESK.replace("'NF-\\d+'", "'Jacket'") + more
}

fn is_jacket(item: &Item, column: &str, lang: &str) -> bool {
    column == NAME && lang == "German" && item.name.contains("Jacket")
}

#[test]
fn a_text_of_a_pack_that_fails_its_check_is_asked_again_alone_and_fails_its_row_alone() {
    let mut desk = Desk::new(60, "", &with_jackets(""));
    desk.run().expect_code(3).says("5 failed");
    let jackets = 5;
    let rows = desk.assert_translated(is_jacket);
    for (row, item) in rows.iter().zip(&desk.items).filter(|(_, item)| !item.is_blank()) {
        let failed = item.name.contains("Jacket");
        assert_eq!(row["status"], if failed { "failed" } else { "ok" }, "{row:?}");
        if failed {
            assert_eq!(row["error_code"], "check_failed");
            assert_eq!(row["error"], format!("German, {NAME}: keep: `Jacket` is missing"), "{row:?}");
        }
    }
    let receipt = desk.receipt();
    assert_eq!(receipt["this_run"]["follow_ups"]["repair"], jackets, "{receipt:#}");
    assert_eq!(receipt["this_run"]["packs"]["failed"], 0, "a check says nothing against the pack");
    assert_eq!(sum(&rows, "total_tokens"), bill(&desk.scene) as f64);
    let once = desk.scene.witness_count() - jackets;

    let mut desk = Desk::new(60, "", &with_jackets("answer.repair = 0\n"));
    desk.run().expect_code(3).says("5 failed");
    desk.assert_translated(is_jacket);
    assert!(desk.scene.witness_count() <= once + 3, "{} and {once}", desk.scene.witness_count());
}

#[test]
fn a_flagged_text_of_a_pack_is_accepted_and_the_warning_names_its_combination() {
    let more = with_jackets("answer.repair = 0\nanswer.on_check = \"flag\"\n");
    let mut desk = Desk::new(60, "", &more);
    desk.run().expect_code(0).says("57 ok (5 with warnings)");
    let rows = desk.assert_translated(|_, _, _| false);
    for (row, item) in rows.iter().zip(&desk.items) {
        match item.name.contains("Jacket") {
            true => assert_eq!(
                row["warnings"],
                json!([format!("German, {NAME}: keep: `Jacket` is missing")]).to_string()
            ),
            false => assert!(row["warnings"].is_null(), "{row:?}"),
        }
    }
}

#[test]
fn checks_that_are_changed_after_the_run_send_nothing() {
    let mut desk = Desk::new(60, "", DESK);
    desk.run().expect_code(0);
    let sent = desk.scene.witness_count();
    for (more, code, fail) in [
        (with_jackets(""), 3, true),
        (with_jackets("answer.on_check = \"flag\"\n"), 0, false),
        (DESK.to_owned(), 0, false),
        (with_jackets("answer.repair = 3\n"), 3, true),
        (DESK.lines().filter(|line| !line.starts_with("answer.")).collect::<Vec<_>>().join("\n"), 0, false),
    ] {
        desk.more = more;
        desk.scene.judge.rules_change = true;
        desk.run().expect_code(code);
        desk.assert_translated(|item, column, lang| fail && is_jacket(item, column, lang));
    }
    assert_eq!(desk.scene.witness_count(), sent, "nothing is sent again");
}

#[test]
fn a_placeholder_that_is_lost_in_a_pack_costs_no_other_row_its_translation() {
    // The part of the pack fails its check, and the text loses it again when it is asked for alone.
    let fault = "[[fault]]\ncontains = \"of type 17;\"\naction = \"eat_placeholders\"\n";
    let lost = |item: &Item, column: &str, _: &str| column != NAME && item.sku == "S017";
    for (repair, tries) in [("", 1), ("answer.repair = 0\n", 0)] {
        let mut desk = Desk::new(40, fault, &format!("{DESK}{repair}"));
        desk.run().expect_code(3).says("1 failed");
        let rows = desk.assert_translated(lost);
        let error = rows[17]["error"].as_str().expect("an error");
        assert!(
            error.starts_with("French, Long Text: placeholders: ") && error.contains("also failed: German"),
            "{error}"
        );
        assert!(
            rows.iter()
                .zip(&desk.items)
                .all(|(row, item)| is_blank(item.cell(NAME)) || !row["cost"].is_null())
        );
        let alone = desk.scene.witness();
        let alone = alone.iter().filter(|line| {
            let text = line["body"]["messages"][0]["content"].as_str().unwrap_or_default();
            text.contains("of type 17;") && !text.contains("[[2]]")
        });
        assert_eq!(alone.count(), 3 * tries, "{repair}");
    }
    // Once only: nothing is lost for good.
    let mut desk = Desk::new(40, &fault.replace("action", "times = 1\naction"), DESK);
    desk.run().expect_code(0);
    desk.assert_translated(|_, _, _| false);
}
