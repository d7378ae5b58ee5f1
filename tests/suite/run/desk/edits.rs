//! Languages, columns, rows and packs changed between runs: only the difference is sent.

use std::collections::BTreeSet;

use super::catalogue::{Asked, DESK, Desk, LANGUAGES, NAME, TEXT, item, sent};

/// A desk, and the texts that were ever asked for.
struct Edited {
    desk: Desk,
    known: BTreeSet<Asked>,
}

impl Edited {
    fn new(rows: usize, more: &str) -> Self {
        Self { desk: Desk::new(rows, "", more), known: BTreeSet::new() }
    }

    /// Runs the job as it is now: what was never asked for is sent, once, and nothing else. Gives the number of requests.
    fn send_the_difference(&mut self, what: &str) -> usize {
        let before = self.desk.scene.witness_count();
        self.desk.run().expect_code(0);
        let asks = self.desk.asks();
        let new: BTreeSet<Asked> = asks.difference(&self.known).cloned().collect();
        let sent = sent(&self.desk.scene, before);
        assert!(sent.values().all(|times| *times == 1), "{what}: sent twice");
        let sent: BTreeSet<Asked> = sent.into_keys().collect();
        assert_eq!(sent, new, "{what}");
        self.desk.assert_translated(|_, _, _| false);
        self.known.extend(asks);
        self.desk.scene.witness_count() - before
    }
}

#[test]
fn whatever_changes_between_runs_only_the_difference_is_sent_with_packs_of_any_size() {
    let packs = |rows: &str| DESK.replace("pack.rows = 10", rows);
    let mut edited = Edited::new(60, &packs("pack.rows = 10"));
    edited.desk.languages = vec!["French", "German"];
    edited.desk.columns = vec![NAME];
    assert!(edited.send_the_difference("the first run") < 40);
    edited.desk.columns = vec![NAME, TEXT];
    edited.send_the_difference("a column more");
    edited.desk.more = packs("pack.rows = 1");
    assert_eq!(edited.send_the_difference("packs off"), 0);
    edited.desk.languages = LANGUAGES.to_vec();
    assert!(edited.send_the_difference("a language more, without packs") > 60);
    edited.desk.more = packs("pack.rows = \"auto\"\npack.max_tokens = 120");
    assert_eq!(edited.send_the_difference("packs of another size"), 0);
    edited.desk.languages = vec!["German"];
    assert_eq!(edited.send_the_difference("languages less"), 0);
    edited.desk.items.insert(7, item(200));
    edited.desk.items.insert(0, item(205));
    edited.desk.items[20].text = "Edited once, number 20.".to_owned();
    edited.send_the_difference("rows inserted and edited");
    edited.desk.languages = vec!["Japanese", "French", "German"];
    edited.send_the_difference("languages put back in another order");
    edited.desk.items.reverse();
    edited.desk.more = packs("pack.rows = 3");
    assert_eq!(edited.send_the_difference("sorted"), 0);
    edited.desk.items.sort_by(|one, other| one.text.cmp(&other.text));
    edited.desk.items.truncate(30);
    edited.desk.columns = vec![TEXT];
    assert_eq!(edited.send_the_difference("half of the rows, another order, a column less"), 0);
    edited.desk.columns = vec![TEXT, NAME];
    edited.desk.items.extend((220..240).map(item));
    edited.send_the_difference("rows added at the end, columns swapped");
}

#[test]
fn a_run_of_a_language_more_that_is_killed_pays_for_it_once() {
    let mut edited = Edited::new(40, &format!("limits.concurrency = 2\n{DESK}"));
    edited.desk.languages = vec!["French"];
    edited.send_the_difference("the first run");
    edited.desk.languages = vec!["German", "French"];
    edited.desk.write();
    let before = edited.desk.scene.witness_count();
    edited.desk.scene.die_at("journal.commit.before", 3);
    edited.desk.run().expect_code(0);
    edited.desk.assert_translated(|_, _, _| false);
    let sent = sent(&edited.desk.scene, before);
    assert!(
        sent.keys().all(|(lang, _)| lang == "German") && sent.values().all(|times| *times <= 2),
        "{sent:?}"
    );
    // Two requests were on their way, of ten texts each at most.
    let twice = sent.values().filter(|times| **times == 2).count();
    assert!(twice <= 30, "{twice} texts were sent again");
}
