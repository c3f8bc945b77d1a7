//! What a calendar shows.

use async_graphql::{Enum, ID, InputObject, SimpleObject};

use crate::{
    content::{
        graphql::{Content, ContentState},
        model::{self, ContentState as State},
    },
    error::Error,
    graphql::{
        node::{self, NodeKind},
        scalars::{Date, DateTime, SafeInt},
    },
    keyword::graphql::ContentType,
    publishing::model::{Calendar, CalendarEntry as Entry, Days},
    site::graphql::Weekday,
};

/// Which content a calendar shows. What is omitted does not count.
#[derive(Debug, InputObject)]
pub struct CalendarFilter {
    /// Only for this cluster.
    cluster_id: Option<ID>,
    /// Only of this kind.
    #[graphql(name = "type")]
    content_type: Option<ContentType>,
    /// Only in this state; the tray is `APPROVED`.
    state: Option<ContentState>,
    /// Only with a version of the text that this person wrote.
    author_id: Option<ID>,
}

impl CalendarFilter {
    /// Refuses: `BadUserInput`.
    pub(super) fn check(self) -> Result<model::CalendarFilter, Error> {
        let id = |kind, id: Option<ID>, name| id.map(|id| node::decode(kind, &id, &["filter", name])).transpose();
        Ok(model::CalendarFilter {
            state: self.state.map(Into::into),
            cluster: id(NodeKind::Cluster, self.cluster_id, "clusterId")?,
            content_type: self.content_type.map(Into::into),
            author: id(NodeKind::User, self.author_id, "authorId")?,
        })
    }
}

/// What keeps scheduled content from going out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::publishing::model::PublishBlock")]
pub enum PublishBlock {
    /// The account is suspended: nothing of it is published.
    AccountSuspended,
    /// The site is switched off.
    SiteInactive,
    /// The sandbox wrote it: it is no real article.
    Sandbox,
}

/// Something that was or will be published. Its time says when it was published; for everything else, its slot.
#[derive(SimpleObject)]
pub struct CalendarEntry {
    /// The instant.
    at: DateTime,
    /// The site's local day.
    local_date: Date,
    /// The site's local time, such as 09:00.
    local_time: String,
    /// The local day's weekday.
    weekday: Weekday,
    /// What it is.
    content: Content,
    /// Whether it went out more than an hour after its slot, or is due for 15 minutes and not out.
    is_late: bool,
    /// What keeps it from going out at its slot, late or not; null when nothing is in the way, and when it is not `SCHEDULED`.
    reason: Option<PublishBlock>,
}

impl From<Entry> for CalendarEntry {
    fn from(entry: Entry) -> Self {
        Self {
            at: DateTime(entry.when.at),
            local_date: Date(entry.when.date()),
            local_time: entry.when.local.format("%H:%M").to_string(),
            weekday: entry.when.weekday().into(),
            is_late: entry.is_late,
            reason: entry.blocked_by.map(Into::into),
            content: Content(entry.content),
        }
    }
}

/// How much there is on the days of a calendar, 0 or more each; those that are not shown count.
#[derive(SimpleObject)]
pub struct CalendarCounts {
    /// All entries: the sum of the five that follow.
    total: SafeInt,
    /// With a slot to come, or due.
    scheduled: SafeInt,
    /// On the way out.
    publishing: SafeInt,
    /// Out.
    published: SafeInt,
    /// Not out, and nothing is tried any more.
    failed: SafeInt,
    /// Sent, and nobody knows yet whether it arrived.
    uncertain: SafeInt,
    /// Approved without a slot, on whatever day; no entries.
    tray: SafeInt,
}

/// What a site has on some of its days, and what waits without a slot, all of one moment.
#[derive(SimpleObject)]
pub struct ContentCalendar {
    /// The first day, the site's.
    from: Date,
    /// The first day that is not shown.
    to: Date,
    /// The site's time zone, an IANA name.
    time_zone: &'static str,
    /// The moment.
    as_of: DateTime,
    /// What was published, by when it was, and what is scheduled, on its way, uncertain or failed, by its slot; in the order of
    /// time, at most 1,000.
    entries: Vec<CalendarEntry>,
    /// Whether there are more entries than are shown. Ask for fewer days.
    is_truncated: bool,
    /// Approved content without a slot, the oldest approval first, at most 200; its `scheduleBlockedBy` says what is in the
    /// way.
    tray: Vec<Content>,
    /// How much there is.
    counts: CalendarCounts,
}

impl ContentCalendar {
    /// As it leaves.
    pub(super) fn new(calendar: Calendar, days: Days) -> Self {
        let count = |state| SafeInt(calendar.count(state));
        Self {
            from: Date(days.from),
            to: Date(days.to),
            time_zone: calendar.zone.name(),
            as_of: DateTime(calendar.as_of),
            counts: CalendarCounts {
                total: count(None),
                scheduled: count(Some(State::Scheduled)),
                publishing: count(Some(State::Publishing)),
                published: count(Some(State::Published)),
                failed: count(Some(State::Failed)),
                uncertain: count(Some(State::Uncertain)),
                tray: SafeInt(calendar.tray_count),
            },
            is_truncated: calendar.is_truncated,
            entries: calendar.entries.into_iter().map(Into::into).collect(),
            tray: calendar.tray.into_iter().map(Content).collect(),
        }
    }
}
