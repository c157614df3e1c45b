//! Progress on a terminal: a bar for each download and compilation, a line for each build, and the lines that stay.

use crate::daemon::{Event, PackageRef};
use crate::report::{escape::escape, plan};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{collections::HashMap, time::Duration};

/// Steps of a compilation's bar.
const FINE: u64 = 1000;

/// How often a bar shows that time goes on.
const TICK: Duration = Duration::from_millis(250);

const FETCHING: &str = "fetching  {bar:24} {binary_bytes:>10}/{binary_total_bytes:<10} {wide_msg}";
const COMPILING: &str = "compiling {bar:24} {percent:>3} % {elapsed:>4} {wide_msg}";
const COMPILING_QUICKLY: &str = "compiling {elapsed:>4} {wide_msg}";
const GOING_ON: &str = "{msg} {bar:24} {pos:>10}/{len:<10}";
const GOING_ON_AND_ON: &str = "{msg} {elapsed:>4} {binary_bytes}";
const BUILDING: &str = "building  {elapsed:>4} {wide_msg}";

/// The bars of what is going on now.
#[derive(Debug, Default)]
pub struct Bars {
    screen: Option<MultiProgress>,
    bars: HashMap<Key, ProgressBar>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Fetch(String),
    Compile(String),
    Build(nuka_pir::Pid),
    Progress(String),
}

impl Bars {
    /// Shows an event.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Fetching { source, done, total } => {
                let bar = self.bar(Key::Fetch(source.clone()), || (FETCHING, escape(source).into_owned()));
                if let Some(total) = total {
                    bar.set_length(*total);
                }
                bar.set_position(*done);
            }
            Event::Fetched { source } => self.remove(&Key::Fetch(source.clone())),
            Event::Compiling { program, fraction } => {
                let message = || format!("{} for this machine, once", escape(program));
                let template = if fraction.is_some() { COMPILING } else { COMPILING_QUICKLY };
                let bar = self.bar(Key::Compile(program.clone()), || (template, message()));
                if let Some(fraction) = fraction {
                    bar.set_length(FINE);
                    bar.set_position((fraction.clamp(0.0, 1.0) * FINE as f64) as u64);
                }
            }
            Event::Compiled { program, .. } => self.remove(&Key::Compile(program.clone())),
            Event::Building { package } => {
                self.build(package);
            }
            Event::Step { package, step } => {
                let text = format!("{}: {}", plan::name(package), escape(step));
                self.build(package).set_message(text);
            }
            Event::Done(outcome) => self.remove(&Key::Build(outcome.package.pid)),
            Event::Failed(failure) => self.remove(&Key::Build(failure.package.pid)),
            Event::Progress { what, done, total } => {
                let template = if total.is_some() { GOING_ON } else { GOING_ON_AND_ON };
                let bar = self.bar(Key::Progress(what.clone()), || (template, escape(what).into_owned()));
                if let Some(total) = total {
                    bar.set_length(*total);
                }
                bar.set_position(*done);
            }
            Event::Planned(_)
            | Event::Improving { .. }
            | Event::WentOn { .. }
            | Event::Waiting { .. }
            | Event::Warning { .. } => {}
        }
    }

    /// Prints a line above the bars.
    pub fn say(&self, line: &str) {
        match &self.screen {
            Some(screen) if !self.bars.is_empty() => screen.suspend(|| crate::context::say(line)),
            _ => crate::context::say(line),
        }
    }

    /// Takes all bars away.
    pub fn clear(&mut self) {
        for (_, bar) in self.bars.drain() {
            bar.finish_and_clear();
        }
    }

    fn build(&mut self, package: &PackageRef) -> &ProgressBar {
        self.bar(Key::Build(package.pid), || (BUILDING, plan::name(package)))
    }

    fn bar(&mut self, key: Key, look: impl FnOnce() -> (&'static str, String)) -> &ProgressBar {
        let target = || MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let screen = self.screen.get_or_insert_with(target);
        self.bars.entry(key).or_insert_with(|| {
            let (template, message) = look();
            // Hidden until it has its look: every change to a bar on the screen draws it.
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            let bar = screen.add(bar.with_style(style(template)).with_message(message));
            bar.enable_steady_tick(TICK);
            bar
        })
    }

    fn remove(&mut self, key: &Key) {
        if let Some(bar) = self.bars.remove(key) {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants; a wrong one still shows something.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    style.progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plan::tests::package;

    #[test]
    fn templates_are_right() {
        for template in [FETCHING, COMPILING, COMPILING_QUICKLY, GOING_ON, GOING_ON_AND_ON, BUILDING] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }

    #[test]
    fn bars_come_and_go() {
        let hidden = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let mut bars = Bars { screen: Some(hidden), ..Bars::default() };
        bars.event(&Event::Fetching { source: "a".into(), done: 1, total: Some(5) });
        bars.event(&Event::Compiling { program: "clang".into(), fraction: Some(0.5) });
        bars.event(&Event::Building { package: package("lua", "5") });
        bars.event(&Event::Step { package: package("lua", "5"), step: "x".into() });
        assert_eq!(bars.bars.len(), 3);
        assert_eq!(bars.bars[&Key::Compile("clang".into())].position(), FINE / 2);
        bars.event(&Event::Fetched { source: "a".into() });
        bars.event(&Event::Compiled { program: "clang".into(), seconds: 1.0 });
        assert_eq!(bars.bars.len(), 1);
        bars.clear();
        assert!(bars.bars.is_empty());
    }
}
