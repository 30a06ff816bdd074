//! Compares variants of the same work on a machine that other programs use too.
//!
//! Every round runs every variant for about 2 ms, starting with another one each time, and only numbers of the same
//! round are subtracted from each other: what slows a round down slows all of its variants. A table shows
//!
//! - `ns`: the median time of one call;
//! - `+ns`: the median of the differences to the first variant, and between which values half of them lie;
//! - `+allocs`: allocations of one call beyond those of the first variant;
//! - `x ours`: `+ns` as a multiple of the variant marked as ours.
//!
//! With several threads, each runs the same call on its own copy of what is shared, and times are those of one thread.
//!
//! Allocations are counted apart from the timed runs. The allocator that counts them stays in place, though, and adds
//! about a nanosecond to each allocation and each release, those of the first variant included.

use std::sync::Barrier;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

/// How long one variant runs in one round.
const TURN: Duration = Duration::from_millis(2);

/// Rounds are added until a table has taken this long.
const TABLE: Duration = Duration::from_secs(5);

/// Calls over which allocations are counted; more than the size of any buffer that is refilled now and then.
const COUNTED_CALLS: u64 = 4_096;

/// Times a number of calls.
type Batch = Box<dyn FnMut(u64) -> Duration>;

/// One way to do the work.
pub(super) struct Variant {
    name: &'static str,
    is_ours: bool,
    // Called once on each thread, so that a thread has a copy of its own.
    start: Box<dyn Fn() -> Batch + Sync>,
}

/// Variants of the same work, the first of which is the one to subtract.
pub(super) struct Table {
    title: &'static str,
    threads: usize,
    variants: Vec<Variant>,
}

/// What was measured of one variant.
struct Measured {
    // Nanoseconds a call, by round; with several threads, the mean of theirs.
    rounds: Vec<f64>,
    allocations: f64,
}

/// What one thread measured in one turn.
struct Turn {
    variant: usize,
    round: usize,
    nanos: f64,
}

// === impl Variant ===

impl Variant {
    /// Creates a variant whose thread calls what `start` returns.
    pub(super) fn new<F, C>(name: &'static str, start: F) -> Self
    where
        F: Fn() -> C + Sync + 'static,
        C: FnMut() + 'static,
    {
        Self::timed(name, move || {
            let mut call = start();
            move |calls| {
                let started = now();
                for _ in 0..calls {
                    call();
                }
                started.elapsed()
            }
        })
    }

    /// Creates a variant that times a number of calls itself, because some of what it does is not to be timed.
    pub(super) fn timed<F, B>(name: &'static str, start: F) -> Self
    where
        F: Fn() -> B + Sync + 'static,
        B: FnMut(u64) -> Duration + 'static,
    {
        Self { name, is_ours: false, start: Box::new(move || Box::new(start())) }
    }

    /// Marks the variant that the others are a multiple of.
    pub(super) fn ours(mut self) -> Self {
        self.is_ours = true;
        self
    }
}

// === impl Table ===

impl Table {
    /// Creates a table of variants.
    pub(super) fn new(title: &'static str, threads: usize, variants: Vec<Variant>) -> Self {
        Self { title, threads, variants }
    }

    /// Measures and prints the table, if the command line does not ask for others.
    ///
    /// Without cargo's `--bench`, it only makes sure that each variant runs.
    pub(super) fn run(&self) {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let mut wanted = args.iter().filter(|arg| !arg.starts_with('-')).peekable();
        if wanted.peek().is_some() && !wanted.any(|title| self.title.contains(title)) {
            return;
        }
        let table_time = if args.iter().any(|arg| arg == "--bench") { TABLE } else { Duration::ZERO };
        self.print(&self.measure(table_time));
    }

    fn measure(&self, table_time: Duration) -> Vec<Measured> {
        let calls: Vec<u64> = self.variants.iter().map(calls_a_turn).collect();
        let turns = table_time.as_nanos() / TURN.as_nanos();
        let rounds = usize::try_from(turns).unwrap_or(usize::MAX) / self.variants.len() + 1;
        let mut measured: Vec<_> = self
            .variants
            .iter()
            .map(|variant| Measured { rounds: vec![0.0; rounds], allocations: allocations_a_call(variant) })
            .collect();
        let (report, turns) = mpsc::channel();
        let barrier = Barrier::new(self.threads);
        std::thread::scope(|scope| {
            for _ in 0..self.threads {
                let (report, barrier, calls) = (report.clone(), &barrier, &calls);
                scope.spawn(move || self.take_turns(rounds, calls, barrier, &report));
            }
            drop(report);
            for turn in turns {
                measured[turn.variant].rounds[turn.round] += turn.nanos / self.threads as f64;
            }
        });
        measured
    }

    fn take_turns(&self, rounds: usize, calls: &[u64], barrier: &Barrier, report: &Sender<Turn>) {
        let mut batches: Vec<Batch> = self.variants.iter().map(|v| (v.start)()).collect();
        for round in 0..rounds {
            for i in 0..batches.len() {
                let variant = (round + i) % batches.len();
                barrier.wait();
                let calls = calls[variant];
                let time = uncounted(|| batches[variant](calls));
                let nanos = time.as_nanos() as f64 / calls as f64;
                let turn = Turn { variant, round, nanos };
                report.send(turn).expect("the table is waiting for turns");
            }
        }
    }

    fn print(&self, measured: &[Measured]) {
        let Some(bare) = measured.first() else { return };
        let ours = self.variants.iter().position(|variant| variant.is_ours);
        let ours = ours.map(|ours| quartile(&measured[ours].over(bare), 2));
        println!("\n{}, {} thread(s), {} rounds", self.title, self.threads, bare.rounds.len());
        println!("  {:<44} {:>8} {:>9} {:>17} {:>8} {:>7}", "", "ns", "+ns", "half lie in", "+allocs", "x ours");
        for (variant, found) in self.variants.iter().zip(measured) {
            let over = found.over(bare);
            let [low, median, high] = [1, 2, 3].map(|quarters| quartile(&over, quarters));
            let times = ours.map_or(String::new(), |ours| format!("{:.1}", median / ours));
            println!(
                "  {:<44} {:>8.1} {median:>+9.1} {:>17} {:>+8.2} {times:>7}",
                variant.name,
                quartile(&found.rounds, 2),
                format!("{low:+.1} to {high:+.1}"),
                found.allocations - bare.allocations,
            );
        }
    }
}

// === impl Measured ===

impl Measured {
    fn over(&self, bare: &Self) -> Vec<f64> {
        let pairs = self.rounds.iter().zip(&bare.rounds);
        pairs.map(|(here, bare)| here - bare).collect()
    }
}

/// Reads the clock that tables are measured with.
#[expect(clippy::disallowed_methods, reason = "measuring time is the point")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Runs something whose allocations are not counted.
pub(super) fn uncounted<T>(run: impl FnOnce() -> T) -> T {
    let mut result = None;
    allocation_counter::opt_out(|| result = Some(run()));
    result.expect("`opt_out` runs what it is given")
}

/// Finds out how many calls take a turn's time, and warms up meanwhile.
fn calls_a_turn(variant: &Variant) -> u64 {
    let mut batch = (variant.start)();
    let mut calls = 1;
    loop {
        let time = uncounted(|| batch(calls));
        if time >= TURN / 2 {
            let fit = calls as f64 * TURN.as_secs_f64() / time.as_secs_f64();
            return Duration::from_secs_f64(fit).as_secs().max(1);
        }
        calls *= 2;
    }
}

fn allocations_a_call(variant: &Variant) -> f64 {
    let mut batch = (variant.start)();
    uncounted(|| batch(COUNTED_CALLS));
    let counted = allocation_counter::measure(|| {
        batch(COUNTED_CALLS);
    });
    counted.count_total as f64 / COUNTED_CALLS as f64
}

/// The value that so many quarters of all values are below: 2 gives the median.
fn quartile(values: &[f64], quarters: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) * quarters / 4]
}
