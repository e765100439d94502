//! Rows of bars, each of one part or of several.

use maud::{Markup, html};

const WIDTH: f64 = 480.0;
const ROW: f64 = 22.0;
const BAR: f64 = 14.0;
/// Between parts.
const GAP: f64 = 1.0;
/// For what stands at the right of a bar.
const NOTE: f64 = 74.0;
const LETTER: f64 = 8.0;

pub struct Bars {
    /// Of this page's charts.
    pub id: String,
    pub title: String,
    /// What the chart shows, in words.
    pub about: String,
    /// For the names of rows.
    pub names: f64,
    pub rows: Vec<Row>,
}

pub struct Row {
    pub name: String,
    /// How much of the whole width each part takes, and its class in `style.css`.
    pub parts: Vec<(f64, &'static str)>,
    pub note: String,
    /// All of it in words.
    pub words: String,
}

impl Bars {
    /// Nothing where there are no rows.
    pub fn draw(&self) -> Option<Markup> {
        if self.rows.is_empty() {
            return None;
        }
        let (title, desc) = (format!("{}-title", self.id), format!("{}-desc", self.id));
        let height = ROW * self.rows.len() as f64 + 4.0;
        Some(html! {
            svg.chart role="img" viewBox={ "0 0 " (WIDTH) " " (height) } aria-labelledby=(title)
                aria-describedby=(desc)
            {
                title id=(title) { (self.title) }
                desc id=(desc) {
                    (self.about)
                    @for row in &self.rows { " " (row.words) "." }
                }
                @for (index, row) in self.rows.iter().enumerate() {
                    (self.row(row, index as f64 * ROW + 4.0))
                }
            }
        })
    }

    fn row(&self, row: &Row, top: f64) -> Markup {
        let room = WIDTH - self.names - NOTE;
        let mut left = self.names;
        let parts = row.parts.iter().map(|(share, class)| {
            let width = share.clamp(0.0, 1.0) * room;
            left += width;
            (*class, left - width, (width - GAP).max(0.0))
        });
        let text = top + BAR - 2.5;
        html! {
            g {
                title { (row.words) }
                text.tick.end x=(self.names - 8.0) y=(text) { (shortened(&row.name, self.names)) }
                path.rail d=(format!("M{},{top}h{room}v{BAR}h-{room}z", self.names)) {}
                @for (class, left, width) in parts {
                    path.part.(class) d=(format!("M{left:.1},{top}h{width:.1}v{BAR}h-{width:.1}z")) {}
                }
                text.tick.end x=(WIDTH - 2.0) y=(text) { (row.note) }
            }
        }
    }
}

/// What fits into this width; all of it stands in the table.
fn shortened(name: &str, width: f64) -> String {
    let most = ((width - 8.0) / LETTER) as usize;
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
