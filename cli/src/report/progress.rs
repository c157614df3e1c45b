//! Shows work as it goes on: bars on a terminal, lines elsewhere, nothing where there is nothing to do.
//!
//! Making one costs nothing: bars and their threads begin with the first event that is worth showing.

use crate::daemon::{Event, How, Observer};
use crate::{
    context::{Verbosity, say},
    environment::Terminal,
    report::{
        bars::Bars,
        escape::escape,
        lines::Lines,
        plan,
        style::{Role, Style},
        units,
    },
};
use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Watches work and tells about it on stderr.
pub struct Progress {
    style: Style,
    verbosity: Verbosity,
    processors: NonZeroUsize,
    state: Mutex<State>,
}

struct State {
    live: Live,
    began: Option<Instant>,
}

enum Live {
    Lines(Lines),
    Bars(Bars),
}

impl Progress {
    /// Prepares to tell.
    pub fn new(terminal: Terminal, verbosity: Verbosity, processors: NonZeroUsize) -> Self {
        let bars = terminal.can_redraw && verbosity != Verbosity::Quiet;
        let live = if bars { Live::Bars(Bars::default()) } else { Live::Lines(Lines::default()) };
        let state = Mutex::new(State { live, began: None });
        Self { style: Style { colour: terminal.stderr_colour }, verbosity, processors, state }
    }

    /// Takes the bars away. Says how long the work has taken, if there was any.
    pub fn finish(&self) -> Option<f64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Live::Bars(bars) = &mut state.live {
            bars.clear();
        }
        state.began.map(|began| began.elapsed().as_secs_f64())
    }

    /// The line that stays behind for an event, if one does.
    fn lasting(&self, event: &Event) -> Option<String> {
        let line = |role, what: &str, text: String| Some(format!("{} {text}", self.style.show(role, what)));
        let normal = self.verbosity != Verbosity::Quiet;
        match event {
            Event::Planned(planned) if normal && !plan::is_empty(planned) => {
                Some(plan::show(planned, self.processors, self.style))
            }
            Event::Fetched { source } if normal => line(Role::Good, "fetched", escape(source).into_owned()),
            Event::Compiled { program, seconds } if normal => {
                let text = format!("{} for this machine in {}", escape(program), units::seconds(*seconds));
                line(Role::Good, "compiled", text)
            }
            Event::Improving { program } if normal => {
                let text = format!("{} in the background: later builds will be faster", escape(program));
                line(Role::Faint, "optimising", text)
            }
            Event::WentOn { package, done, total } if normal => {
                let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
                line(Role::Good, "went on", format!("{} after step {done}{of}", plan::name(package)))
            }
            Event::Step { package, step } if self.verbosity == Verbosity::Verbose => {
                line(Role::Faint, "step", format!("{}: {}", plan::name(package), escape(step)))
            }
            Event::Done(outcome) if normal => {
                let name = plan::name(&outcome.package);
                match outcome.how {
                    How::Present => None,
                    How::Built => {
                        line(Role::Good, "built", format!("{name} in {}", units::seconds(outcome.seconds)))
                    }
                    How::Unchanged => line(
                        Role::Good,
                        "unchanged",
                        format!("{name}: its recipe changed, but nothing that its build can see"),
                    ),
                }
            }
            // What was not begun is listed at the end.
            Event::Failed(failure) if failure.because_of.is_none() => {
                line(Role::Bad, "failed", plan::name(&failure.package))
            }
            Event::Waiting { what } if normal => {
                line(Role::Warning, "waiting", format!("for {}", escape(what)))
            }
            Event::Warning { text } => line(Role::Warning, "warning:", escape(text).into_owned()),
            _ => None,
        }
    }
}

impl Observer for Progress {
    fn event(&self, event: Event) {
        let lasting = self.lasting(&event);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = match &event {
            Event::Planned(planned) => plan::is_empty(planned),
            Event::Done(outcome) => outcome.how == How::Present,
            Event::Warning { .. } | Event::Failed(_) | Event::Progress { .. } => true,
            _ => false,
        };
        if !nothing && state.began.is_none() {
            state.began = Some(Instant::now());
        }
        match &mut state.live {
            Live::Bars(bars) => {
                bars.event(&event);
                if let Some(line) = lasting {
                    bars.say(&line);
                }
            }
            Live::Lines(lines) => {
                if let Some(line) = lasting {
                    say(&line);
                }
                if self.verbosity != Verbosity::Quiet
                    && let Some(line) = lines.event(&event, Instant::now())
                {
                    say(&line);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::{Failure, Plan};
    use crate::report::plan::tests::package;

    fn progress(verbosity: Verbosity) -> Progress {
        let terminal = Terminal {
            stdout: false,
            stdout_colour: false,
            stderr_colour: false,
            can_redraw: false,
            width: 80,
            size: None,
        };
        Progress::new(terminal, verbosity, NonZeroUsize::MIN)
    }

    #[test]
    fn nothing_to_do_says_nothing() {
        let progress = progress(Verbosity::Normal);
        assert_eq!(progress.lasting(&Event::Planned(Plan { present: 4, ..Plan::default() })), None);
        progress.event(Event::Planned(Plan { present: 4, ..Plan::default() }));
        assert_eq!(progress.finish(), None);
    }

    #[test]
    fn untrusted_text_is_escaped_and_quiet_is_quiet() {
        let step = Event::Step { package: package("lua", "5"), step: "clang \u{1b}[2J".into() };
        assert_eq!(progress(Verbosity::Normal).lasting(&step), None);
        insta::assert_snapshot!(progress(Verbosity::Verbose).lasting(&step).unwrap(), @r"step lua 5: clang \u{1b}[2J");
        let on = |total| Event::WentOn { package: package("go", "1"), done: 120, total };
        insta::assert_snapshot!(progress(Verbosity::Normal).lasting(&on(Some(250))).unwrap(), @"went on go 1 after step 120 of 250");
        insta::assert_snapshot!(progress(Verbosity::Normal).lasting(&on(None)).unwrap(), @"went on go 1 after step 120");
        let warning = Event::Warning { text: "a\nb".into() };
        insta::assert_snapshot!(progress(Verbosity::Quiet).lasting(&warning).unwrap(), @r"warning: a\nb");
        let compiled = Event::Compiled { program: "clang".into(), seconds: 41.26 };
        assert_eq!(progress(Verbosity::Quiet).lasting(&compiled), None);
        insta::assert_snapshot!(progress(Verbosity::Normal).lasting(&compiled).unwrap(), @"compiled clang for this machine in 41.3 s");
        let failure = Failure {
            package: package("lua", "5"),
            reason: String::new(),
            help: None,
            log_tail: Vec::new(),
            log: None,
            because_of: Some(package("clang", "22")),
        };
        assert_eq!(progress(Verbosity::Normal).lasting(&Event::Failed(failure)), None);
    }
}
