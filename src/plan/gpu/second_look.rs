//! Who looks again at outputs that transforms cannot be trusted with, and how long that takes at most.

use crate::element::DType;
use crate::plan::capabilities::{GpuCapabilities, GpuKind};
use crate::plan::gpu::launch::tap_quads;
use crate::plan::gpu::tiling::MOST_ROUNDS;
use crate::plan::gpu::transform::{FOLDED, PROBES, REGISTERS};
use crate::problem::geometry::Axis;

/// Quads of taps that a member of a team has at least: adding up what its members have takes as long as a few. An
/// estimate, not measured on any GPU.
const FEWEST_QUADS: usize = 16;

/// Members that share out a row of taps, where there are enough rows for the others: what they read of a row lies
/// together.
const ALONG_A_ROW: usize = 8;

/// How a second look at what is doubted is shared out: among workgroups, and each sum among invocations. All are powers
/// of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecondLook {
    /// Workgroups that share what one of the pass before has left.
    pub shares: usize,
    /// Invocations that sum up an output together: how many share out its rows of taps, and how many share out a row.
    pub team: [usize; 2],
}

impl SecondLook {
    /// Of passes that look at nothing again.
    pub(crate) const NONE: Self = Self { shares: 1, team: [1; 2] };

    /// Of workgroups of so many invocations under taps along these axes. The shares are so many that no invocation goes
    /// through loops more often than software lets it, though all outputs are doubted.
    pub(super) fn new(
        accumulator: DType,
        [slabs, outer, inner]: [&Axis; 3],
        invocations: usize,
        gpu: &GpuCapabilities,
    ) -> Self {
        let (rows, quads) = (outer.taps, tap_quads(inner.taps));
        let all = slabs.taps.saturating_mul(rows).saturating_mul(quads);
        let most = below(all / FEWEST_QUADS).min(invocations);
        let of_rows = below(rows).min((most / below(quads).min(ALONG_A_ROW)).max(1));
        let of_a_row = below(quads).min(most / of_rows);
        let one = Self { shares: 1, team: [of_rows, of_a_row] };
        if gpu.kind != GpuKind::Software {
            return one;
        }
        let most_shares = held(accumulator) * invocations;
        let shares = std::iter::successors(Some(1), |shares| Some(2 * shares))
            .take_while(|&shares| shares <= most_shares)
            .map(|shares| Self { shares, ..one });
        let taps = [slabs.taps, rows, quads];
        let fits = |look: &Self| look.rounds(accumulator, taps, invocations) <= MOST_ROUNDS;
        shares.clone().find(fits).or(shares.last()).unwrap_or(one)
    }

    /// How often an invocation goes through loops at most that doubts all of its outputs, under so many slabs, rows and
    /// quads of taps.
    fn rounds(
        &self,
        accumulator: DType,
        [slabs, rows, quads]: [usize; 3],
        invocations: usize,
    ) -> usize {
        let held = held(accumulator);
        let bits = held / self.shares.min(held);
        let of_invocations = (self.shares / held).max(1);
        let [of_rows, of_a_row] = self.team;
        let team = of_rows * of_a_row;
        // Teams take turns with outputs.
        let turns = (invocations / of_invocations).div_ceil(invocations / team);
        let row = Loop::ONE.times(quads.div_ceil(of_a_row));
        let sum = row.times(rows.div_ceil(of_rows)).times(slabs);
        let halves = Loop::ONE.times(team.ilog2() as usize);
        let each = invocations / FOLDED;
        let gathered = [each, FOLDED, each].map(|n| Loop::ONE.times(n));
        let probes = Loop::ONE.times(PROBES);
        let all = gathered.into_iter().fold(sum.and(halves).times(turns).and(probes), Loop::and);
        all.times(bits).rounds
    }

    /// The same under taps along these axes.
    pub(super) fn most_rounds(
        &self,
        accumulator: DType,
        [slabs, outer, inner]: [&Axis; 3],
        invocations: usize,
    ) -> usize {
        let taps = [slabs.taps, outer.taps, tap_quads(inner.taps)];
        self.rounds(accumulator, taps, invocations)
    }
}

/// What loops cost in rounds, as Mesa counts them: the round in which all invocations of a vector leave a loop is one,
/// and loops inside of it are gone through once for nobody.
#[derive(Clone, Copy)]
struct Loop {
    /// All of its rounds, those of the loops in it included.
    rounds: usize,
    /// Those that it takes where no invocation is in it.
    idle: usize,
}

impl Loop {
    /// What is in no loop.
    const ONE: Self = Self { rounds: 0, idle: 0 };

    /// So many times what is in it.
    fn times(self, count: usize) -> Self {
        let idle = self.idle + 1;
        Self {
            rounds: count.saturating_mul(self.rounds.saturating_add(1)).saturating_add(idle),
            idle,
        }
    }

    /// One behind the other.
    fn and(self, other: Self) -> Self {
        Self { rounds: self.rounds.saturating_add(other.rounds), idle: self.idle + other.idle }
    }
}

/// The largest power of two that is no larger, or one.
fn below(n: usize) -> usize {
    1 << n.max(1).ilog2()
}

/// Outputs that an invocation of a transform holds.
fn held(accumulator: DType) -> usize {
    accumulator.packed_blocks() << REGISTERS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubts(taps: [usize; 3], kind: GpuKind) -> SecondLook {
        let gpu = GpuCapabilities::webgpu_defaults("any", kind);
        let axes = taps.map(|taps| Axis { n: 9, out: 9, taps, ..Axis::one_sample() });
        SecondLook::new(DType::F32, axes.each_ref(), 256, &gpu)
    }

    #[test]
    fn teams_are_as_large_as_what_they_have_to_add_up() {
        let team = |taps| doubts(taps, GpuKind::Discrete).team;
        for (taps, expected) in [
            ([1, 3, 3], [1, 1]),
            ([1, 9, 9], [1, 1]),
            ([1, 31, 31], [1, 8]),
            ([1, 63, 63], [4, 8]),
            ([1, 1, 4095], [1, 64]),
            ([1, 4095, 1], [128, 1]),
            ([1, 1023, 1023], [32, 8]),
            ([9, 9, 9], [4, 2]),
        ] {
            assert_eq!(team(taps), expected, "{taps:?}");
            assert!(expected.iter().all(|n| n.is_power_of_two()));
            assert!(
                expected.iter().product::<usize>() <= 256,
                "no more than there are invocations"
            );
        }
    }

    /// Loops that are counted as Mesa runs them, one invocation after another being none.
    #[test]
    fn rounds_are_counted_as_they_are_gone() {
        fn run(trips: &[usize], live: bool, rounds: &mut usize) {
            let [count, inner @ ..] = trips else { return };
            for _ in 0..if live { *count } else { 0 } {
                run(inner, true, rounds);
                *rounds += 1;
            }
            run(inner, false, rounds);
            *rounds += 1;
        }
        for trips in [vec![5], vec![3, 1], vec![2, 7, 1], vec![4, 1, 3, 2]] {
            let mut rounds = 0;
            run(&trips, true, &mut rounds);
            let counted = trips.iter().rev().fold(Loop::ONE, |inner, &count| inner.times(count));
            assert_eq!(counted.rounds, rounds, "{trips:?}");
        }
    }

    #[test]
    fn no_loop_of_a_software_adapter_is_ended() {
        let taps = [[1, 3, 3], [1, 63, 63], [1, 255, 255], [1, 1023, 1023], [1, 2047, 2047]];
        for taps in taps.into_iter().chain([[5, 31, 31], [63, 63, 63], [1, 1, 4000], [1, 4000, 1]])
        {
            let axes = taps.map(|taps| Axis { taps, ..Axis::one_sample() });
            let found = doubts(taps, GpuKind::Software);
            let rounds = found.most_rounds(DType::F32, axes.each_ref(), 256);
            assert!(rounds <= MOST_ROUNDS, "{taps:?}: {rounds}");
            let half = SecondLook { shares: found.shares / 2, ..found };
            let needed = half.shares > 0
                && half.most_rounds(DType::F32, axes.each_ref(), 256) <= MOST_ROUNDS;
            assert!(!needed, "{taps:?}: fewer than {found:?} would do");
            assert_eq!(doubts(taps, GpuKind::Discrete).shares, 1);
        }
        // One sum alone takes too long.
        let endless = [900, 900, 4000];
        let axes = endless.map(|taps| Axis { taps, ..Axis::one_sample() });
        let found = doubts(endless, GpuKind::Software);
        assert!(found.most_rounds(DType::F32, axes.each_ref(), 256) > MOST_ROUNDS);
    }
}
