//! [`Ledger`]: every attempt and every acknowledgement, as seen from outside.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::said::{Account, Answer, Hits, Name, Said};

/// What writers said, and what follows from it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) processes: BTreeMap<String, Process>,
    pub(crate) batches: HashMap<Name, Attempt>,
    /// Hits that somebody was about to count, by route.
    pub(crate) attempted: BTreeMap<String, u64>,
    /// Hits that a store has said to have, by route.
    pub(crate) acknowledged: BTreeMap<String, u64>,
    /// Acknowledgements that were lost on their way: the batch was there when it was sent again.
    pub(crate) lost_replies: u64,
    /// What must never be, in words.
    pub(crate) violations: Vec<String>,
}

/// One process that counts.
#[derive(Debug, Default)]
pub(crate) struct Process {
    pub(crate) is_connected: bool,
    /// Hits that it was about to count.
    pub(crate) attempted: u64,
    /// Hits of batches that it sent and that were acknowledged, its own and found ones.
    pub(crate) acknowledged: u64,
    pub(crate) books: Account,
    pub(crate) ended: Option<Account>,
    // When so many hits had been attempted.
    history: Vec<(Instant, u64)>,
}

/// A batch that was sent at least once.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) hits: Hits,
    /// Who first heard that the store has it, in which words and when.
    pub(crate) acknowledged: Option<Acknowledgement>,
    has_failed: bool,
    is_applied: bool,
}

/// The first answer that said that a store has a batch.
#[derive(Debug)]
pub(crate) struct Acknowledgement {
    process: String,
    answer: Answer,
    at: Timestamp,
}

// === impl Ledger ===

impl Ledger {
    /// Writes down what a process said.
    pub(crate) fn note(&mut self, process: &str, said: Said) {
        match said {
            Said::Hello { .. } => self.of(process).is_connected = true,
            Said::Counting(hits) => self.count(process, hits),
            Said::Sending { batch, hits } => self.send(process, batch, &hits),
            Said::Answered { batch, answer } => self.answer(process, batch, answer),
            Said::Books(account) => self.account(process, account),
            Said::Ended(account) => {
                self.account(process, account);
                self.of(process).ended = Some(account);
            }
        }
    }

    /// A process is gone.
    pub(crate) fn hang_up(&mut self, process: &str) {
        self.of(process).is_connected = false;
    }

    /// Hits that were about to be counted, in all.
    pub(crate) fn all_attempted(&self) -> u64 {
        self.attempted.values().sum()
    }

    /// Hits that a store has said to have, in all.
    pub(crate) fn all_acknowledged(&self) -> u64 {
        self.acknowledged.values().sum()
    }

    fn of(&mut self, process: &str) -> &mut Process {
        self.processes.entry(process.to_owned()).or_default()
    }

    fn count(&mut self, process: &str, hits: Hits) {
        let all: u64 = hits.iter().map(|(_, hits)| hits).sum();
        let of = self.of(process);
        of.attempted += all;
        of.history.push((Instant::now(), of.attempted));
        add(&mut self.attempted, hits);
    }

    fn send(&mut self, process: &str, name: Name, hits: &Hits) {
        let attempt = self.batches.entry(name).or_insert_with(|| Attempt::new(hits.clone()));
        if attempt.hits != *hits {
            self.violations.push(format!("{process} sent other hits under the name {name}"));
        }
    }

    fn answer(&mut self, process: &str, name: Name, answer: Answer) {
        let Some(attempt) = self.batches.get_mut(&name) else {
            return self.violations.push(format!("{process} had an answer to {name}, which nobody sent"));
        };
        if answer == Answer::Applied && attempt.is_applied {
            self.violations.push(format!("a store applied {name} twice"));
        }
        if matches!(answer, Answer::Gap | Answer::Conflict) && attempt.acknowledged.is_some() {
            self.violations.push(format!("a store lost {name}, which it had acknowledged: {answer:?}"));
        }
        attempt.is_applied |= answer == Answer::Applied;
        attempt.has_failed |= answer == Answer::Failed;
        if !answer.is_acknowledgement() || attempt.acknowledged.is_some() {
            return;
        }
        attempt.acknowledged = Some(Acknowledgement { process: process.to_owned(), answer, at: Timestamp::now() });
        self.lost_replies += u64::from(answer == Answer::Duplicate && attempt.has_failed);
        let hits = attempt.hits.clone();
        self.of(process).acknowledged += hits.iter().map(|(_, hits)| hits).sum::<u64>();
        add(&mut self.acknowledged, hits);
    }

    fn account(&mut self, process: &str, account: Account) {
        if !account.balances() {
            self.violations.push(format!("the books of {process} do not balance: {account:?}"));
        }
        self.of(process).books = account;
    }
}

fn add(sums: &mut BTreeMap<String, u64>, hits: Hits) {
    for (route, hits) in hits {
        *sums.entry(route).or_default() += hits;
    }
}

// === impl Process ===

impl Process {
    /// For how long the oldest hit that a crash loses had been counted at a moment.
    pub(crate) fn exposed_at(&self, moment: Instant) -> Duration {
        let safe = self.books.stored.saturating_sub(self.books.found).max(self.acknowledged) + self.books.spooled;
        let oldest = self.history.iter().find(|(_, attempted)| *attempted > safe);
        oldest.map_or(Duration::ZERO, |(at, _)| moment.saturating_duration_since(*at))
    }
}

// === impl Acknowledgement ===

impl fmt::Display for Acknowledgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} heard {:?} at {}", self.process, self.answer, self.at)
    }
}

// === impl Attempt ===

impl Attempt {
    fn new(hits: Hits) -> Self {
        Self { hits, acknowledged: None, has_failed: false, is_applied: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: Name = Name { writer: [7; 16], seq: 1 };

    fn hits(hits: u64) -> Hits {
        vec![("/e/1".to_owned(), hits)]
    }

    fn after(said: &[Said]) -> Ledger {
        let mut ledger = Ledger::default();
        for said in said {
            ledger.note("w1", said.clone());
        }
        ledger
    }

    fn answered(answer: Answer) -> Said {
        Said::Answered { batch: BATCH, answer }
    }

    fn sending(of: u64) -> Said {
        Said::Sending { batch: BATCH, hits: hits(of) }
    }

    #[test]
    fn a_batch_is_acknowledged_once() {
        let ledger =
            after(&[sending(5), answered(Answer::Failed), answered(Answer::Duplicate), answered(Answer::Duplicate)]);

        assert_eq!((ledger.all_acknowledged(), ledger.lost_replies), (5, 1));
        assert_eq!(ledger.violations, <[String; 0]>::default());
    }

    #[test]
    fn a_batch_that_was_refused_before_it_was_applied_lost_no_reply() {
        let ledger = after(&[sending(5), answered(Answer::Failed), answered(Answer::Applied)]);

        assert_eq!((ledger.all_acknowledged(), ledger.lost_replies), (5, 0));
    }

    #[test]
    fn a_name_that_comes_with_other_hits_is_a_violation() {
        assert_eq!(after(&[sending(5), sending(6)]).violations.len(), 1);
    }

    #[test]
    fn a_batch_that_is_applied_twice_is_a_violation() {
        assert_eq!(after(&[sending(5), answered(Answer::Applied), answered(Answer::Applied)]).violations.len(), 1);
    }

    #[test]
    fn a_store_that_forgets_what_it_acknowledged_is_a_violation() {
        assert_eq!(after(&[sending(5), answered(Answer::Applied), answered(Answer::Gap)]).violations.len(), 1);
    }

    #[test]
    fn books_that_miss_a_hit_are_a_violation() {
        let short = Account { observed: 3, stored: 2, ..Account::default() };

        assert_eq!(after(&[Said::Books(short)]).violations.len(), 1);
    }
}
