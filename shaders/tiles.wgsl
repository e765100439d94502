// The tiles that outputs are computed in, one for each workgroup: numbered through two dimensions of a
// dispatch, row by row, plane by plane.

struct Tile {
    plane: u32,
    // Its first output.
    row: u32,
    column: u32,
}

fn tile_count() -> u32 {
    return params.tiles.x * params.tiles.y * params.tiles.z;
}

// Tile `i`, where each has so many rows and columns of outputs.
fn tile_at(i: u32, rows: u32, columns: u32) -> Tile {
    let line = i / params.tiles.z;
    let row = line % params.tiles.y * rows;
    return Tile(line / params.tiles.y, row, i % params.tiles.z * columns);
}
