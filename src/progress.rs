//! What a person sees while a run goes on, all of it on standard error.
//!
//! On a terminal: a bar for each task, with its rate and the time left. Without one: a plain line at every tenth of a
//! task. With `--quiet`: nothing. A [`Progress`] is cheap to clone and may be told of work by any thread.

use crate::quantity;
use indicatif::{
    MultiProgress, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressState, ProgressStyle,
};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Lines a task writes where there is no terminal.
const LINES_PER_TASK: u64 = 10;

/// Where progress is shown.
#[derive(Clone)]
pub(crate) struct Progress {
    output: Output,
}

#[derive(Clone)]
enum Output {
    Bars(MultiProgress),
    Lines(Arc<Mutex<dyn Write + Send>>),
    Nothing,
}

/// A piece of work of known size. Its bar goes when it is dropped: that is to be before the result is printed.
pub(crate) struct Task {
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines(Mutex<LineTask>),
    Nothing,
}

impl Progress {
    /// Bars if standard error is a terminal, else lines; nothing if `quiet`.
    pub(crate) fn new(quiet: bool) -> Progress {
        let target = ProgressDrawTarget::stderr();
        let output = if quiet {
            Output::Nothing
        } else if io::stderr().is_terminal() && !target.is_hidden() {
            Output::Bars(MultiProgress::with_draw_target(target))
        } else {
            Output::Lines(Arc::new(Mutex::new(io::stderr())))
        };
        Progress { output }
    }

    /// Begins a task of `total` units; `unit` is their name in the plural ("rounds").
    pub(crate) fn task(&self, name: &str, total: u64, unit: &'static str) -> Task {
        let shown = match &self.output {
            Output::Bars(bars) => Shown::Bar(bars.add(bar(name, total, unit))),
            Output::Lines(sink) => Shown::Lines(Mutex::new(LineTask {
                sink: Arc::clone(sink),
                name: name.to_owned(),
                unit,
                total,
                position: 0,
                message: String::new(),
                started: Instant::now(),
            })),
            Output::Nothing => Shown::Nothing,
        };
        Task { shown }
    }

    /// Says one thing that happened, in a line of its own (above the bars, if there are any).
    pub(crate) fn note(&self, line: &str) {
        match &self.output {
            // Standard error that cannot be written to is no reason to stop a run.
            Output::Bars(bars) => drop(bars.println(line)),
            Output::Lines(sink) => drop(writeln!(locked(sink), "{line}")),
            Output::Nothing => {}
        }
    }
}

impl Task {
    /// `units` more are done.
    pub(crate) fn advance(&self, units: u64) {
        match &self.shown {
            Shown::Bar(bar) => bar.inc(units),
            Shown::Lines(task) => locked(task).advance(units, Instant::now()),
            Shown::Nothing => {}
        }
    }

    /// What to say beside the numbers from now on ("accuracy 93.1 %").
    pub(crate) fn message(&self, message: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.set_message(message.to_owned()),
            Shown::Lines(task) => message.clone_into(&mut locked(task).message),
            Shown::Nothing => {}
        }
    }
}

fn bar(name: &str, total: u64, unit: &'static str) -> ProgressBar {
    // A bar fits into 80 columns, so that no terminal breaks it into two lines, which could not be redrawn.
    let template = "{prefix:12} {bar:12.cyan/dim} {pos:>5}/{len} {unit:6} {rate:>8} {left:>9} {wide_msg}";
    let style = ProgressStyle::with_template(template)
        .expect("the template is a constant that a test parses")
        .progress_chars("━╸─")
        .with_key("unit", move |_: &ProgressState, out: &mut dyn fmt::Write| write_quietly(out, unit))
        .with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            write_quietly(out, &rate(state.per_sec()));
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn fmt::Write| {
            if !state.is_finished() && state.pos() > 0 {
                write_quietly(out, &left(state.eta().as_secs_f64()));
            }
        });
    // Nothing that draws may be called before the bar is among the others, or it would draw a line of its own.
    ProgressBar::new(total)
        .with_finish(ProgressFinish::AndClear)
        .with_style(style)
        .with_prefix(name.to_owned())
}

/// A task without a terminal.
struct LineTask {
    sink: Arc<Mutex<dyn Write + Send>>,
    name: String,
    unit: &'static str,
    total: u64,
    position: u64,
    message: String,
    started: Instant,
}

impl LineTask {
    fn advance(&mut self, units: u64, now: Instant) {
        let before = self.step();
        self.position = self.position.saturating_add(units).min(self.total);
        if self.step() > before {
            let line = self.line(now.saturating_duration_since(self.started).as_secs_f64());
            drop(writeln!(locked(&self.sink), "{line}"));
        }
    }

    /// How many of the task's lines are due.
    fn step(&self) -> u64 {
        // 128 bits, since a budget of examples times ten may pass 64.
        let tenths = u128::from(self.position) * u128::from(LINES_PER_TASK);
        tenths.checked_div(u128::from(self.total)).map_or(0, |step| step as u64)
    }

    fn line(&self, elapsed: f64) -> String {
        let LineTask { name, unit, total, position, message, .. } = self;
        let percent = 100.0 * *position as f64 / *total as f64;
        let mut line = format!(
            "{name}: {} of {} {unit} ({percent:.0} %)",
            quantity::count(*position),
            quantity::count(*total)
        );
        if position == total {
            line += &format!(", in {}", quantity::seconds(elapsed));
        } else if elapsed > 0.0 {
            let speed = *position as f64 / elapsed;
            line += &format!(", {}, {}", rate(speed), left((total - position) as f64 / speed));
        }
        if !message.is_empty() {
            line += &format!(", {message}");
        }
        line
    }
}

/// Units a second.
fn rate(per_second: f64) -> String {
    match per_second {
        r if !r.is_finite() => String::new(),
        r if r < 100.0 => format!("{r:.1}/s"),
        r => format!("{}/s", quantity::count(r.round() as u64)),
    }
}

/// Time left, to the second.
fn left(seconds: f64) -> String {
    match seconds.ceil() {
        short if short < 100.0 => format!("{short:.0} s left"),
        long => format!("{} left", quantity::seconds(long)),
    }
}

/// A bar's template has no way to tell of a failed write, and writes to memory do not fail.
fn write_quietly(out: &mut dyn fmt::Write, text: &str) {
    let _ = out.write_str(text);
}

/// The value behind the lock; a thread that panicked while it wrote a line leaves nothing half-done that matters.
fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> (Progress, Arc<Mutex<Vec<u8>>>) {
        let sink = Arc::new(Mutex::new(Vec::new()));
        (Progress { output: Output::Lines(sink.clone()) }, sink)
    }

    fn text(sink: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(locked(sink).clone()).unwrap()
    }

    #[test]
    fn a_long_task_writes_ten_lines_and_the_last_is_whole() {
        let (progress, sink) = lines();
        let task = progress.task("federated", 1234, "rounds");
        (0..1234).for_each(|_| task.advance(1));
        let text = text(&sink);
        assert_eq!(text.lines().count(), 10, "{text}");
        assert!(
            text.lines().last().unwrap().starts_with("federated: 1,234 of 1,234 rounds (100 %), in "),
            "{text}"
        );
    }

    #[test]
    fn a_short_task_writes_a_line_a_unit_and_an_empty_one_none() {
        let (progress, sink) = lines();
        let task = progress.task("federated", 3, "rounds");
        (0..4).for_each(|_| task.advance(1));
        progress.task("nothing", 0, "rounds").advance(1);
        assert_eq!(text(&sink).lines().count(), 3);
    }

    #[test]
    fn a_line_tells_rate_time_left_and_message() {
        let task = LineTask {
            sink: Arc::new(Mutex::new(Vec::new())),
            name: "federated, seed 1".into(),
            unit: "rounds",
            total: 100,
            position: 40,
            message: "accuracy 93.1 %".into(),
            started: Instant::now(),
        };
        let expected = "federated, seed 1: 40 of 100 rounds (40 %), 10.0/s, 6 s left, accuracy 93.1 %";
        assert_eq!(task.line(4.0), expected);
    }

    #[test]
    fn every_unit_is_counted_once_whichever_thread_brings_it() {
        let (progress, sink) = lines();
        let task = progress.task("train", 4000, "rows");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| task.advance(1)));
            }
        });
        assert_eq!(text(&sink).lines().count(), 10);
    }

    #[test]
    fn a_budget_near_the_largest_number_does_not_overflow() {
        let (progress, sink) = lines();
        let task = progress.task("train", u64::MAX, "examples");
        task.advance(u64::MAX - 1);
        task.advance(u64::MAX);
        assert_eq!(text(&sink).lines().count(), 2);
    }

    #[test]
    fn bars_and_silence_take_the_same_calls() {
        let hidden = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        for output in [Output::Bars(hidden), Output::Nothing] {
            let progress = Progress { output };
            progress.note("begun");
            let task = progress.task("federated", 2, "rounds");
            task.message("accuracy 50 %");
            task.advance(2);
        }
    }

    #[test]
    fn a_clock_that_stands_still_harms_nothing() {
        let (progress, sink) = lines();
        let task = progress.task("train", 2, "rows");
        let Shown::Lines(inner) = &task.shown else { panic!("lines were asked for") };
        let started = locked(inner).started;
        locked(inner).advance(1, started);
        assert_eq!(text(&sink), "train: 1 of 2 rows (50 %)\n");
    }
}
