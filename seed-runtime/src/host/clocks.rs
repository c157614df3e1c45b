//! Virtual clocks, and sleeping on them.

use super::{Call, Fault, descriptors::Descriptor, pack};
use crate::{
    Errno,
    process::{Clock, Stream},
};

/// Most things that one `poll_oneoff` may wait for.
const MAX_SUBSCRIPTIONS: u32 = 4096;

const REALTIME: u32 = 0;
const MONOTONIC: u32 = 1;
const PROCESS_CPU: u32 = 2;
const THREAD_CPU: u32 = 3;

/// The clocks of one process; see [`Clock`].
pub(crate) struct Clocks {
    clock: Clock,
    /// Nanoseconds since the process began.
    elapsed: u64,
}

impl Clocks {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, elapsed: 0 }
    }

    /// Nanoseconds that every file shows as each of its times.
    pub(crate) fn epoch_ns(&self) -> u64 {
        self.clock.epoch_ns
    }

    fn read(&self, id: u32) -> Result<u64, Errno> {
        match id {
            REALTIME => Ok(self.clock.epoch_ns.saturating_add(self.elapsed)),
            MONOTONIC => Ok(self.clock.start_ns.saturating_add(self.elapsed)),
            PROCESS_CPU | THREAD_CPU => Ok(self.elapsed),
            _ => Err(Errno::Inval),
        }
    }

    /// Every look moves the clocks on by the step.
    fn look(&mut self, id: u32) -> Result<u64, Errno> {
        self.elapsed = self.elapsed.saturating_add(self.clock.step_ns);
        self.read(id)
    }
}

pub(super) fn clock_res_get(call: &mut Call<'_>, id: u32, out: u32) -> Result<(), Fault> {
    call.state.clocks.read(id)?;
    let step = call.state.clocks.clock.step_ns.max(1);
    Ok(call.memory.put_u64(out, step)?)
}

pub(super) fn clock_time_get(call: &mut Call<'_>, id: u32, _: u64, out: u32) -> Result<(), Fault> {
    let now = call.state.clocks.look(id)?;
    Ok(call.memory.put_u64(out, now)?)
}

/// One thing that a process waits for.
enum Waits {
    /// Until the clocks have moved on by this many nanoseconds.
    Clock { remaining: u64 },
    /// Until a descriptor can be read or written, which it always can: how many bytes, and whether no more come.
    Ready { bytes: u64, hangup: bool },
    /// For something that is wrong.
    Wrong(Errno),
}

/// Waits for the first of several things. Files and streams are always ready; when only clocks are waited
/// for, they move to the earliest, which costs no real time.
pub(super) fn poll_oneoff(
    call: &mut Call<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    out: u32,
) -> Result<(), Fault> {
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Errno::Inval.into());
    }
    call.memory.bytes(out, 4)?;
    call.memory.bytes(events, count * 32)?;
    call.memory.bytes(subscriptions, count * 48)?;
    let mut waiting = Vec::with_capacity(count as usize);
    for index in 0..count {
        let subscription: [u8; 48] = call.memory.array(subscriptions + index * 48)?;
        let (userdata, kind, waits) = read_subscription(call, &subscription);
        waiting.push((userdata, kind, waits));
    }
    let ready = waiting.iter().any(|(_, _, w)| !matches!(w, Waits::Clock { .. }));
    let earliest = waiting.iter().filter_map(|(_, _, w)| match w {
        Waits::Clock { remaining } => Some(*remaining),
        _ => None,
    });
    let slept = if ready { 0 } else { earliest.min().unwrap_or(0) };
    let clocks = &mut call.state.clocks;
    clocks.elapsed = clocks.elapsed.saturating_add(slept);
    let mut written = 0;
    for (userdata, kind, waits) in waiting {
        let (errno, bytes, hangup) = match waits {
            Waits::Clock { remaining } if remaining <= slept => (0, 0, false),
            Waits::Clock { .. } => continue,
            Waits::Ready { bytes, hangup } => (0, bytes, hangup),
            Waits::Wrong(errno) => (errno.code(), 0, false),
        };
        let mut event = [0; 32];
        let fields: [(usize, &[u8]); 5] = [
            (0, &userdata),
            (8, &errno.to_le_bytes()),
            (10, &[kind]),
            (16, &bytes.to_le_bytes()),
            (24, &u16::from(hangup).to_le_bytes()),
        ];
        pack(&mut event, &fields);
        call.memory.put(events + written * 32, &event)?;
        written += 1;
    }
    Ok(call.memory.put_u32(out, written)?)
}

fn read_subscription(call: &mut Call<'_>, subscription: &[u8; 48]) -> ([u8; 8], u8, Waits) {
    let number = |at: usize, size: usize| {
        subscription.iter().skip(at).take(size).rev().fold(0u64, |n, b| n << 8 | u64::from(*b))
    };
    let userdata = number(0, 8).to_le_bytes();
    let kind = subscription.get(8).copied().unwrap_or_default();
    let low = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let waits = match kind {
        0 => {
            let (id, timeout, absolute) = (low(number(16, 4)), number(24, 8), number(40, 2) & 1 != 0);
            match call.state.clocks.read(id) {
                Ok(now) if absolute => Waits::Clock { remaining: timeout.saturating_sub(now) },
                Ok(_) => Waits::Clock { remaining: timeout },
                Err(errno) => Waits::Wrong(errno),
            }
        }
        1 | 2 => match call.state.readiness(low(number(16, 4)), kind == 1) {
            Ok((bytes, hangup)) => Waits::Ready { bytes, hangup },
            Err(errno) => Waits::Wrong(errno),
        },
        _ => Waits::Wrong(Errno::Inval),
    };
    (userdata, kind, waits)
}

impl super::State {
    /// How many bytes a descriptor can give or take now, and whether its other end is gone.
    fn readiness(&mut self, fd: u32, reading: bool) -> Result<(u64, bool), Errno> {
        match self.descriptors.get(fd)? {
            Descriptor::Stdin if reading => Ok((self.stdin.len() as u64, self.stdin.is_empty())),
            Descriptor::Output(Stream::Stdout | Stream::Stderr) if !reading => Ok((1 << 16, false)),
            Descriptor::Open(open) if reading => {
                let (id, offset) = (open.id, open.offset);
                Ok((self.fs.size(id)?.saturating_sub(offset), false))
            }
            Descriptor::Open(_) => Ok((1 << 16, false)),
            _ => Err(Errno::Badf),
        }
    }
}
