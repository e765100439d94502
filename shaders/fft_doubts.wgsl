
// What a group of rows says of its outputs: how loud its transform is, and for each invocation which of its
// outputs are doubted, and which of those are not finite.

fn doubts_of(transform: u32, group: u32) -> u32 {
    return first_doubts() + (transform * ROW_GROUPS + group) * (2u + INVOCATIONS);
}
