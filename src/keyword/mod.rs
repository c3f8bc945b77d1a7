//! Keywords, and the clusters they are grouped into.
//!
//! A keyword is a text that people search for, with what is known about it; a cluster is a group of keywords that one
//! piece of content can serve. Keywords come in by hand or from a file, and are clustered by a model or, where there is
//! none, by their own words.
//!
//! A keyword is the same as another when their keys are ([`model::text_key`]), within a site, a sector and a country.
//! It must never know ideas and content, which are made of clusters.

pub mod model;
