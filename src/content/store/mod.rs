//! The tables of content. Every finder takes the account or the site, except the loaders, whose caller compares it.

pub mod slot;
