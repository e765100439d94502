
// What a group of rows says of its outputs: what they are judged by, and which bits any invocation has of those that
// are doubted; where there are some, for each invocation which of its outputs are, and which of those are not finite.

fn doubts_of(transform: u32, output: u32, group: u32) -> u32 {
    let plane = transform * outputs_of_block() + output;
    return first_doubts() + (plane * ROW_GROUPS + group) * (3u + INVOCATIONS);
}
