//! Questions and answers, over any reader and writer.

use std::collections::VecDeque;
use std::io::{BufRead, Write};

use super::listed::ListedNames;
use crate::commands::failure::Failure;
use crate::text::printable;
use crate::watch::fitted;

/// Where questions are shown, and where their answers come from. An answer is `None` when they have ended: the user has left.
pub(super) struct Dialogue<'a> {
    pub(super) answers: &'a mut dyn BufRead,
    pub(super) out: &'a mut dyn Write,
}

impl Dialogue<'_> {
    /// The answer to a question, in one line.
    pub(super) fn line(&mut self, question: &str) -> Result<Option<String>, Failure> {
        write!(self.out, "{} ", fitted(question.trim_end()))?;
        self.out.flush()?;
        let mut line = String::new();
        let failed = |error| Failure::new(format!("the answer cannot be read: {error}"));
        match self.answers.read_line(&mut line).map_err(failed)? {
            0 => {
                writeln!(self.out)?;
                Ok(None)
            }
            _ => Ok(Some(printable(line.trim()).to_owned())),
        }
    }

    /// The names of a list, which `read` looks up. One that is unknown is asked for again, alone. `given` has the list if a flag
    /// gave it; an empty answer is `default`.
    pub(super) fn names(
        &mut self,
        question: &str,
        default: &str,
        mut given: Option<&str>,
        read: impl Fn(&str) -> Vec<ListedNames>,
    ) -> Result<Option<Vec<String>>, Failure> {
        loop {
            let answer = match given.take() {
                Some(text) => text.to_owned(),
                None => match self.line(&format!("{question} [{default}]: "))? {
                    Some(answer) if answer.is_empty() => default.to_owned(),
                    Some(answer) => answer,
                    None => return Ok(None),
                },
            };
            match self.repaired(read(&answer).into(), &read)? {
                Some(names) if names.is_empty() => self.say("name at least one")?,
                names => return Ok(names),
            }
        }
    }

    /// The names of a list, and what was given instead of those that are unknown.
    fn repaired(
        &mut self,
        mut listed: VecDeque<ListedNames>,
        read: &impl Fn(&str) -> Vec<ListedNames>,
    ) -> Result<Option<Vec<String>>, Failure> {
        let mut names = Vec::new();
        while let Some(next) = listed.pop_front() {
            let unknown = match next {
                ListedNames::Known(name) if names.contains(&name) => continue,
                ListedNames::Known(name) => {
                    names.push(name);
                    continue;
                }
                ListedNames::Unknown(unknown) => unknown,
            };
            self.say(&unknown.problem.to_string())?;
            let default = unknown.meant.as_deref().unwrap_or("leave it out");
            let Some(answer) = self.line(&format!("Instead of `{}` [{default}]: ", unknown.name))? else {
                return Ok(None);
            };
            let instead = if answer.is_empty() { unknown.meant.unwrap_or_default() } else { answer };
            read(&instead).into_iter().rev().for_each(|name| listed.push_front(name));
        }
        Ok(Some(names))
    }

    /// Shows a line.
    pub(super) fn say(&mut self, words: &str) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{}", fitted(words))?)
    }
}
