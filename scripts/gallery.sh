#!/usr/bin/env bash
# Makes docs/gallery.md and the pictures that it shows: what kernels do to a photograph, each by the command
# that stands below it. The pictures are kept at half of their size.
set -euo pipefail
cd "$(dirname "$0")/.."
convolve=${CONVOLVE:-target/release/convolve}
[ -x "$convolve" ] || cargo build --release -p convolve-cli
pictures=docs/gallery
mkdir -p "$pictures"
page=docs/gallery.md.new
work=$(mktemp -d)
trap 'rm -rf "$work" "$page"' EXIT
cells=()

# A cell of the table: the name of its picture, the photograph, the kernel, and more options.
cell() {
    local name=$1 photo=$2 kernel=$3
    shift 3
    # shellcheck disable=SC2068
    "$convolve" apply "assets/$photo.png" --kernel "$kernel" $@ --device cpu -o "$work/$name.png"
    # Half as large, for this page.
    "$convolve" apply "$work/$name.png" --kernel box:2 --stride 2 --device cpu -o "$pictures/$name.jpg"
    local shown="${*//$work\//}"
    cells+=("![$kernel](gallery/$name.jpg)<br>\`${shown:+$shown }--kernel $kernel\`")
}

# Writes a table of the cells so far, three in a row.
table() {
    printf '\n## %s\n\n%s\n\n| | | |\n| --- | --- | --- |\n' "$1" "$2" >>"$page"
    local at
    for ((at = 0; at < ${#cells[@]}; at += 3)); do
        printf '| %s | %s | %s |\n' "${cells[at]}" "${cells[at + 1]:-}" "${cells[at + 2]:-}" >>"$page"
    done
    cells=()
}

cat >"$page" <<'END'
# What kernels do

Each picture is one command, `convolve apply PHOTO OPTIONS -o OUT`, with the options that stand below it; it is
shown at half of its size. `convolve kernel NAME` prints a kernel, and with
`-o kernel.png` draws it. [scripts/gallery.sh](../scripts/gallery.sh) makes this page.
END

cell identity chelsea identity
cell gaussian chelsea gaussian:6
cell box chelsea box:15
cell tent chelsea tent:12
cell binomial chelsea binomial:9
cell gaussian-rotated chelsea gaussian-rotated:12,1,30
cell motion chelsea motion:31,30
table "Blurs" "They sum to one and keep brightness."

cell disk astronaut disk:7 --linear
cell polygon astronaut polygon:9,6,0 --linear
cell triangle astronaut polygon:10,3,90 --linear
cell airy astronaut airy:8 --linear
cell moffat astronaut moffat:4,2 --linear
table "Lenses" "Out of focus, through an iris, through a small hole, through air: light is what adds up, so \
\`--linear\`."

cell sharpen chelsea sharpen
cell unsharp chelsea unsharp:2,1.5
cell unsharp-threshold chelsea unsharp:2,1.5,8
table "Sharper" "With a threshold of 8 levels fur and skin without contrast stay as they are."

cell sobel-x camera sobel-x --scale 1/4 --signed offset
cell sobel-y camera sobel-y --scale 1/4 --signed offset
cell sobel-x-absolute camera sobel-x --scale 1/4 --signed absolute
cell scharr-x camera scharr-x --scale 1/16 --signed offset
cell prewitt-x camera prewitt-x --scale 1/3 --signed offset
cell roberts-right camera roberts-right --signed offset
cell gaussian-derivative camera gaussian-derivative:2,0,1 --scale 4 --signed offset
cell laplacian camera laplacian --signed offset
cell log camera log:2 --scale 8 --signed offset
cell dog camera dog:2,4 --scale 2 --signed offset
cell gabor camera gabor:4,8,45,0 --scale 8 --signed offset
cell emboss camera emboss
table "Derivatives" "They sum to zero, but for \`emboss\` and (by a little) \`gabor\`, and have results below zero: \`--signed\` says how these \
show. About mid-grey, what falls is darker and what rises is brighter."

cell gradient-sobel camera gradient:sobel --scale 1/2
cell gradient-scharr camera gradient:scharr --scale 1/8
cell gradient-gaussian camera gradient:gaussian:2 --scale 8
table "Strength of edges" "The length of the vector of two derivatives, whatever the direction."

# White but for an oval around the face, with soft edges: a kernel of text is a picture too.
for ((y = 0; y < 300; y++)); do
    row=
    for ((x = 0; x < 451; x++)); do
        far=$(((x - 215) ** 2 * 1000 / 130 ** 2 + (y - 150) ** 2 * 1000 / 150 ** 2))
        row+="$((far < 800 ? 0 : far > 1600 ? 800 : far - 800)) "
    done
    echo "$row"
done >"$work/around.txt"
"$convolve" kernel "$work/around.txt" -o "$work/around.png"
cell region chelsea box:41 --region 240x90+120+75
cell mask chelsea disk:7 --linear --mask "$work/around.png"
cell compare chelsea unsharp:2,1.5 --compare
table "A part of a picture" "A rectangle; as much as a grey picture says, here white around the face; and a picture beside its \
result."

mv "$page" docs/gallery.md
du -cb "$pictures"/* | tail -1
