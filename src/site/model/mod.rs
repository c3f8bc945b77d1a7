//! Sites and sectors as values, what may be said of them, and the edits.

mod context;
mod schedule;
mod sector;
mod site;

pub use context::SiteContext;
pub use schedule::{DAY_OF_MONTH_MAX, Interval, NewSchedule, POSTS_PER_DAY_MAX, ScheduleRefusal, ScheduleSettings};
pub use sector::{CreateSector, Sector, SectorError, UpdateSector};
pub use site::{CreateSite, EditSchedule, Site, SiteError, SiteSettings, UpdateSite};

/// The most sites of an account.
pub const SITES_MAX: i64 = 1_000;
/// The most sectors of a site.
pub const SECTORS_MAX: i64 = 200;
/// The most characters of a name.
pub const NAME_CHARS_MAX: usize = 100;

/// `text` trimmed, when it has 1 to `most` characters on one line.
fn one_line(text: &str, most: usize) -> Option<String> {
    let text = text.trim();
    let fits = (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}
