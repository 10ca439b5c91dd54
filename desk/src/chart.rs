//! The hours of a day as bars.

use leadhook_inbox::Hour;

/// The chart's height in its own units.
const HEIGHT: u64 = 48;

/// A bar, in units of the chart.
pub(crate) struct Bar {
    pub(crate) x: usize,
    pub(crate) y: u64,
    pub(crate) height: u64,
    /// What it says to those who point at it.
    pub(crate) title: String,
}

/// The highest bar fills the chart. An hour with one row is seen, too.
pub(crate) fn bars(hours: &[Hour]) -> Vec<Bar> {
    let most = hours.iter().map(|hour| hour.rows.rows()).max();
    let most = most.unwrap_or(0).max(1);
    let bars = hours.iter().enumerate().map(|(index, hour)| {
        let rows = hour.rows.rows();
        let height = (rows * HEIGHT).div_ceil(most);
        Bar {
            x: index * 10,
            y: HEIGHT - height,
            height,
            title: format!("{} UTC: {}", hour.from.format("%H:%M"), hour.rows),
        }
    });
    bars.collect()
}
