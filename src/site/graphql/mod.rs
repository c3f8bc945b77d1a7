//! Sites and sectors in the API.

mod loader;
mod mutation;
mod query;
mod schedule;
mod types;

pub use loader::SiteLoader;
pub use mutation::{SiteMutation, edited_site, editor_of, schedule_errors};
pub use query::SiteQuery;
pub use schedule::{SiteSchedule, SiteScheduleInput, Weekday};
pub use types::{Sector, Site};
