//! Runs tasks that need one another, each as soon as what it needs is there.
//!
//! Downloads and builds are two lanes with workers of their own, so that the network and the cores are both in
//! use. Of what could be begun, that comes first which most of the work waits for, by the weights of the tasks: otherwise a
//! long task that everything ends in is begun last, and all workers but one wait for it. Every task is looked at a constant
//! number of times per edge, so a plan costs little more than time linear in its size.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    num::NonZeroUsize,
    sync::{Condvar, Mutex, PoisonError},
};

/// Which workers a task is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Waits for the network most of the time.
    Download,
    /// Uses a core.
    Build,
}

/// A task, and the tasks, by position in the list, that must be done before it.
#[derive(Debug, Clone)]
pub struct Task {
    /// Which workers it is for.
    pub lane: Lane,
    /// Positions of what it needs. All of them come earlier in the list, so there can be no cycle.
    pub needs: Vec<usize>,
    /// How long it takes, more or less, in whatever unit; at least 1.
    pub weight: u32,
}

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its work was done.
    Done,
    /// Its work failed.
    Failed,
    /// It was not begun, because this other task failed.
    Blocked {
        /// Position of the task that failed.
        by: usize,
    },
    /// It was called off, because nobody waits for it any more.
    Cancelled,
    /// It was not begun, because work was stopped after a failure elsewhere, or called off.
    NotBegun,
}

/// How a task's work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was done.
    Done,
    /// It failed.
    Failed,
    /// It was not begun, or left, because nobody waits for it any more.
    Cancelled,
}

/// How many workers each lane has.
#[derive(Debug, Clone, Copy)]
pub struct Workers {
    /// For downloads.
    pub downloads: NonZeroUsize,
    /// For builds.
    pub builds: NonZeroUsize,
}

struct State {
    verdicts: Vec<Option<Verdict>>,
    /// How many of a task's needs are not settled yet.
    open_needs: Vec<usize>,
    /// By priority; of equals the first in the list.
    ready: [BinaryHeap<(u64, Reverse<usize>)>; 2],
    unsettled: usize,
    stopped: bool,
}

/// Does all tasks and says what became of each. `work` gets a position in the list and says how it ended; it is called
/// from several threads at once.
///
/// Without `keep_going`, nothing new is begun after the first failure. After the first that was called off nothing is.
pub fn run(
    tasks: &[Task],
    workers: Workers,
    keep_going: bool,
    work: &(dyn Fn(usize) -> Ended + Sync),
) -> Vec<Verdict> {
    let mut dependants: Vec<Vec<usize>> = vec![Vec::new(); tasks.len()];
    let mut state = State {
        verdicts: vec![None; tasks.len()],
        open_needs: tasks.iter().map(|task| task.needs.len()).collect(),
        ready: [BinaryHeap::new(), BinaryHeap::new()],
        unsettled: tasks.len(),
        stopped: false,
    };
    for (position, task) in tasks.iter().enumerate() {
        for need in &task.needs {
            if let Some(list) = dependants.get_mut(*need) {
                list.push(position);
            }
        }
    }
    let priorities = priorities(tasks, &dependants);
    let graph = Graph { tasks, dependants: &dependants, priorities: &priorities };
    for (position, task) in tasks.iter().enumerate() {
        if task.needs.is_empty() {
            graph.ready(&mut state, position);
        }
    }
    let count = |lane| tasks.iter().filter(|task| task.lane == lane).count();
    let shared = (Mutex::new(state), Condvar::new());
    let worker = |of: Lane| {
        while let Some(position) = next(&shared, of) {
            let ended = work(position);
            settle(&shared, graph, position, ended, keep_going);
        }
    };
    std::thread::scope(|scope| {
        for (of, threads) in [(Lane::Download, workers.downloads), (Lane::Build, workers.builds)] {
            for _ in 0..threads.get().min(count(of)) {
                scope.spawn(move || worker(of));
            }
        }
    });
    let (state, _) = shared;
    let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.verdicts.into_iter().map(|verdict| verdict.unwrap_or(Verdict::NotBegun)).collect()
}

/// The tasks, and what follows from them.
#[derive(Clone, Copy)]
struct Graph<'a> {
    tasks: &'a [Task],
    dependants: &'a [Vec<usize>],
    priorities: &'a [u64],
}

impl Graph<'_> {
    /// A task can be begun.
    fn ready(&self, state: &mut State, position: usize) {
        if let (Some(task), Some(priority)) = (self.tasks.get(position), self.priorities.get(position)) {
            lane(state, task.lane).push((*priority, Reverse(position)));
        }
    }
}

/// The weight of the heaviest chain of tasks that begins with each one.
fn priorities(tasks: &[Task], dependants: &[Vec<usize>]) -> Vec<u64> {
    let mut all = vec![0; tasks.len()];
    // What needs a task comes later in the list, so that it is known already.
    for (position, (task, dependants)) in tasks.iter().zip(dependants).enumerate().rev() {
        let after = dependants.iter().filter_map(|other| all.get(*other)).max().copied().unwrap_or(0);
        if let Some(own) = all.get_mut(position) {
            *own = after + u64::from(task.weight);
        }
    }
    all
}

fn lane(state: &mut State, lane: Lane) -> &mut BinaryHeap<(u64, Reverse<usize>)> {
    let [downloads, builds] = &mut state.ready;
    match lane {
        Lane::Download => downloads,
        Lane::Build => builds,
    }
}

/// Waits for a task of this lane; `None` when there will be no more.
fn next((state, changed): &(Mutex<State>, Condvar), of: Lane) -> Option<usize> {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if state.stopped || state.unsettled == 0 {
            return None;
        }
        if let Some((_, Reverse(position))) = lane(&mut state, of).pop() {
            return Some(position);
        }
        state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

fn settle(
    (state, changed): &(Mutex<State>, Condvar),
    graph: Graph<'_>,
    position: usize,
    ended: Ended,
    keep_going: bool,
) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let verdict = match ended {
        Ended::Done => Verdict::Done,
        Ended::Failed => Verdict::Failed,
        Ended::Cancelled => Verdict::Cancelled,
    };
    let mut settled = vec![(position, verdict)];
    while let Some((position, verdict)) = settled.pop() {
        let Some(slot) = state.verdicts.get_mut(position) else { continue };
        if slot.is_some() {
            continue;
        }
        *slot = Some(verdict);
        state.unsettled -= 1;
        for dependant in graph.dependants.get(position).into_iter().flatten().copied() {
            match verdict {
                Verdict::Done => {
                    let Some(open) = state.open_needs.get_mut(dependant) else { continue };
                    *open -= 1;
                    if *open == 0 {
                        graph.ready(&mut state, dependant);
                    }
                }
                Verdict::Failed => settled.push((dependant, Verdict::Blocked { by: position })),
                Verdict::Cancelled => settled.push((dependant, Verdict::NotBegun)),
                blocked => settled.push((dependant, blocked)),
            }
        }
    }
    state.stopped |= match ended {
        Ended::Done => false,
        Ended::Failed => !keep_going,
        Ended::Cancelled => true,
    };
    changed.notify_all();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(needs: &[usize]) -> Task {
        let lane = if needs.is_empty() { Lane::Download } else { Lane::Build };
        Task { lane, needs: needs.to_vec(), weight: 1 }
    }

    fn workers() -> Workers {
        let two = NonZeroUsize::MIN.saturating_add(1);
        Workers { downloads: two, builds: two }
    }

    fn done_if(done: bool) -> Ended {
        if done { Ended::Done } else { Ended::Failed }
    }

    #[test]
    fn what_is_called_off_is_no_failure_and_ends_all() {
        let tasks = [task(&[]), task(&[0]), task(&[1])];
        let verdicts = run(&tasks, workers(), true, &|_| Ended::Cancelled);
        assert_eq!(verdicts, [Verdict::Cancelled, Verdict::NotBegun, Verdict::NotBegun]);
    }

    #[test]
    fn everything_runs_after_what_it_needs() {
        let tasks: Vec<_> =
            (0..200).map(|n: usize| task(&if n < 5 { vec![] } else { vec![n / 2, n - 3] })).collect();
        let order = Mutex::new(Vec::new());
        let verdicts = run(&tasks, workers(), false, &|n| {
            let mut order = order.lock().unwrap();
            assert!(tasks[n].needs.iter().all(|need| order.contains(need)));
            order.push(n);
            Ended::Done
        });
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Done));
    }

    #[test]
    fn a_failure_blocks_what_needs_it_and_names_itself() {
        let tasks = [task(&[]), task(&[]), task(&[0]), task(&[2, 1]), task(&[1])];
        let verdicts = run(&tasks, workers(), true, &|n| done_if(n != 0));
        let by = 0;
        use Verdict::*;
        assert_eq!(verdicts, [Failed, Done, Blocked { by }, Blocked { by }, Done]);
    }

    #[test]
    fn without_keep_going_nothing_new_is_begun() {
        let chain: Vec<_> =
            (0..50).map(|n: usize| task(&n.checked_sub(1).into_iter().collect::<Vec<_>>())).collect();
        let mut tasks = vec![task(&[])];
        tasks.extend(chain.into_iter().map(|t| Task {
            lane: Lane::Build,
            needs: t.needs.iter().map(|n| n + 1).collect(),
            weight: 1,
        }));
        let one = NonZeroUsize::MIN;
        let verdicts = run(&tasks, Workers { downloads: one, builds: one }, false, &|n| done_if(n < 2));
        assert_eq!(verdicts[2], Verdict::Failed);
        assert!(verdicts[3..].iter().all(|v| *v != Verdict::Done));
    }

    #[test]
    fn what_most_waits_for_is_begun_first() {
        let build = |needs: &[usize], weight| Task { lane: Lane::Build, needs: needs.to_vec(), weight };
        // 3 is heavy and needs 2; 1 is light and nothing needs it; 5 is the end of a chain as heavy as 3.
        let tasks =
            [build(&[], 1), build(&[], 4), build(&[], 1), build(&[2], 90), build(&[0], 50), build(&[4], 41)];
        let order = Mutex::new(Vec::new());
        let one = NonZeroUsize::MIN;
        run(&tasks, Workers { downloads: one, builds: one }, false, &|n| {
            order.lock().unwrap().push(n);
            Ended::Done
        });
        assert_eq!(order.into_inner().unwrap(), [0, 2, 4, 3, 5, 1]);
    }

    #[test]
    fn a_hundred_thousand_tasks_are_no_matter() {
        let tasks: Vec<_> =
            (0..100_000_usize).map(|n| task(&n.checked_sub(1).into_iter().collect::<Vec<_>>())).collect();
        assert_eq!(run(&tasks, workers(), false, &|_| Ended::Done).len(), 100_000);
    }
}
