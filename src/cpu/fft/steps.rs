//! Loops whose steps are kept apart, so that vectors hold them and none waits for the one before it.

/// What all steps have come to: halves are joined, and halves of these. (One after the other would wait for each
/// other longer than many of a row's segments take.)
#[inline(always)]
pub(super) fn joined<T: Copy, const N: usize>(mut steps: [T; N], join: impl Fn(T, T) -> T) -> T {
    const { assert!(N.is_power_of_two()) };
    for half in (0..N.ilog2()).rev().map(|halvings| 1 << halvings) {
        for i in 0..half {
            steps[i] = join(steps[i], steps[i + half]);
        }
    }
    steps[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_steps_are_joined_once() {
        assert_eq!(joined([1, 2, 4, 8, 16, 32, 64, 128], |a, b| a + b), 255);
        assert_eq!(joined([3], |a, b| a + b), 3);
    }
}
