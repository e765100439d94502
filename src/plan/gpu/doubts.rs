//! Who looks again at outputs that transforms cannot be trusted with, and how long that takes at most.

use crate::element::DType;
use crate::plan::capabilities::{GpuCapabilities, GpuKind};
use crate::plan::gpu::launch::tap_quads;
use crate::plan::gpu::tiling::MOST_ROUNDS;
use crate::plan::gpu::transform::{PROBES, REGISTERS};
use crate::problem::geometry::Axis;

/// Quads of taps that a member of a team has at least: adding up what its members have takes as long as a few.
const FEWEST_QUADS: usize = 16;

/// Members that share out a row of taps, where there are enough rows for the others: what they read of a row lies
/// together.
const ALONG_A_ROW: usize = 8;

/// Loops of one round for each of these, over the invocations of a workgroup.
const FOLDED: usize = 16;

/// How a second look at what is doubted is shared out: among workgroups, and each sum among invocations. All are powers
/// of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Doubts {
    /// Workgroups that share what one of the pass before has left.
    pub shares: usize,
    /// Invocations that sum up an output together: how many share out its rows of taps, and how many share out a row.
    pub team: [usize; 2],
}

impl Doubts {
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
        let fits = |doubts: &Self| doubts.rounds(accumulator, taps, invocations) <= MOST_ROUNDS;
        shares.clone().find(fits).or(shares.last()).unwrap_or(one)
    }

    /// About how often an invocation goes through loops that doubts all of its outputs, under so many slabs, rows and
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
        let team = self.team[0] * self.team[1];
        // Teams take turns with outputs.
        let turns = (invocations / of_invocations).div_ceil(invocations / team);
        let row = 1 + quads.div_ceil(self.team[1]);
        let plane = 1 + rows.div_ceil(self.team[0]).saturating_mul(row);
        let sum = slabs.saturating_mul(plane) + team.ilog2() as usize + 1;
        let gathered = FOLDED + 2 * invocations / FOLDED;
        bits.saturating_mul(1 + PROBES + gathered + turns.saturating_mul(sum))
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

    fn doubts(taps: [usize; 3], kind: GpuKind) -> Doubts {
        let gpu = GpuCapabilities::webgpu_defaults("any", kind);
        let axes = taps.map(|taps| Axis { n: 9, out: 9, taps, ..Axis::one_sample() });
        Doubts::new(DType::F32, axes.each_ref(), 256, &gpu)
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
        }
    }

    #[test]
    fn no_loop_of_a_software_adapter_is_ended() {
        let taps = [[1, 3, 3], [1, 63, 63], [1, 255, 255], [1, 1023, 1023], [1, 2047, 2047]];
        for taps in taps.into_iter().chain([[5, 63, 63], [63, 63, 63], [1, 1, 4000], [1, 4000, 1]])
        {
            let axes = taps.map(|taps| Axis { taps, ..Axis::one_sample() });
            let found = doubts(taps, GpuKind::Software);
            let rounds = found.most_rounds(DType::F32, axes.each_ref(), 256);
            assert!(rounds <= MOST_ROUNDS, "{taps:?}: {rounds}");
            let half = Doubts { shares: found.shares / 2, ..found };
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
