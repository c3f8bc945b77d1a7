//! Signed URLs of local objects, `/files/<key>?expires=<unix seconds>&signature=<base64url>`, and of files on their way
//! in, `/files/uploads/<id>?…` likewise.
//!
//! Whoever holds one may read that object, or send that file, until it expires. Pure: the present time is an argument,
//! and no file is touched.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use uuid::Uuid;

use super::ObjectKey;

/// Where the paths of signed URLs begin.
pub const PATH_PREFIX: &str = "/files/";
/// Where the paths of files on their way in begin.
pub const UPLOAD_PREFIX: &str = "/files/uploads/";
/// The longest life of a signed URL in seconds.
pub const LIFETIME_SECONDS_MAX: u32 = 3_600;

/// Separates these signatures from whatever else the same key may ever sign.
const PURPOSE: &str = "inkledger object url 1";
const UPLOAD_PURPOSE: &str = "inkledger upload url 1";

/// Why a signed URL opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRefusal {
    /// It was genuine once.
    #[error("the URL has expired")]
    Expired,
    /// It is not ours: forged, altered or malformed; which of these is not told.
    #[error("the URL is not genuine")]
    BadSignature,
}

/// Signs and verifies URLs with HMAC-SHA256.
#[derive(Clone)]
pub struct UrlSigner(hmac::Key);

impl UrlSigner {
    /// `secret` is 32 random bytes; every process that serves the same objects needs the same.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A URL path with query for `key`, valid for `lifetime_seconds` (1 to 3,600, taken into that range) from `now`,
    /// microseconds since the Unix epoch.
    #[must_use]
    pub fn sign(&self, key: &ObjectKey, now: i64, lifetime_seconds: u32) -> String {
        let lifetime = i64::from(lifetime_seconds.clamp(1, LIFETIME_SECONDS_MAX));
        let expires = now.div_euclid(1_000_000).saturating_add(lifetime);
        format!("{PATH_PREFIX}{key}?{}", self.query(&message(PURPOSE, key.as_str(), expires), expires))
    }

    /// The key that `path` and `query` (as received, without `?`) open at `now`, microseconds since the Unix epoch.
    /// Only the exact form that [`UrlSigner::sign`] writes is genuine. Compares in constant time, and tells expiry
    /// only of genuine URLs.
    ///
    /// # Errors
    /// [`SignatureRefusal`].
    pub fn verify(&self, path: &str, query: &str, now: i64) -> Result<ObjectKey, SignatureRefusal> {
        let key: Option<ObjectKey> = path.strip_prefix(PATH_PREFIX).and_then(|key| key.parse().ok());
        let key = key.ok_or(SignatureRefusal::BadSignature)?;
        self.check(PURPOSE, key.as_str(), query, now)?;
        Ok(key)
    }

    /// A URL path with query to which the file of the upload `id` may be sent until `expires`, seconds since the Unix
    /// epoch.
    #[must_use]
    pub fn sign_upload(&self, id: Uuid, expires: i64) -> String {
        let id = id.hyphenated().to_string();
        format!("{UPLOAD_PREFIX}{id}?{}", self.query(&message(UPLOAD_PURPOSE, &id, expires), expires))
    }

    /// The upload that may be sent to `path` and `query` (as received, without `?`) at `now`, as [`UrlSigner::verify`].
    ///
    /// # Errors
    /// [`SignatureRefusal`].
    pub fn verify_upload(&self, path: &str, query: &str, now: i64) -> Result<Uuid, SignatureRefusal> {
        let text = path.strip_prefix(UPLOAD_PREFIX).ok_or(SignatureRefusal::BadSignature)?;
        let id: Uuid = text.parse().map_err(|_| SignatureRefusal::BadSignature)?;
        self.check(UPLOAD_PURPOSE, text, query, now)?;
        Ok(id)
    }

    fn query(&self, message: &str, expires: i64) -> String {
        let tag = hmac::sign(&self.0, message.as_bytes());
        format!("expires={expires}&signature={}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    fn check(&self, purpose: &str, subject: &str, query: &str, now: i64) -> Result<(), SignatureRefusal> {
        let (expires, signature) = parse(query).ok_or(SignatureRefusal::BadSignature)?;
        hmac::verify(&self.0, message(purpose, subject, expires).as_bytes(), &signature)
            .map_err(|_| SignatureRefusal::BadSignature)?;
        if now.div_euclid(1_000_000) >= expires { Err(SignatureRefusal::Expired) } else { Ok(()) }
    }
}

impl fmt::Debug for UrlSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UrlSigner")
    }
}

fn message(purpose: &str, subject: &str, expires: i64) -> String {
    format!("{purpose}\n{subject}\n{expires}")
}

fn parse(query: &str) -> Option<(i64, Vec<u8>)> {
    let (expires, signature) = query.strip_prefix("expires=")?.split_once("&signature=")?;
    let seconds: i64 = expires.parse().ok()?;
    // One way to write a number, so that one object at one time has one URL.
    (seconds.to_string() == expires).then_some(())?;
    Some((seconds, URL_SAFE_NO_PAD.decode(signature).ok()?))
}

#[cfg(test)]
mod tests {
    use super::SignatureRefusal::{BadSignature, Expired};
    use super::*;

    const KEY: &str = "images/018f3c5e-0000-7000-8000-000000000001/018f3c5e-0000-7000-8000-0000000000ff/original.png";
    const NOW: i64 = 1_700_000_000_500_000;
    const SECOND: i64 = 1_000_000;

    fn signed(lifetime: u32) -> (UrlSigner, String, String) {
        let signer = UrlSigner::new(&[7; 32]);
        let url = signer.sign(&KEY.parse().unwrap(), NOW, lifetime);
        let (path, query) = url.split_once('?').unwrap();
        (signer, path.to_owned(), query.to_owned())
    }

    #[test]
    fn opens_its_object_until_it_expires() {
        let (signer, path, query) = signed(60);
        assert_eq!(path, format!("/files/{KEY}"));
        assert!(query.starts_with("expires=1700000060&signature="));
        assert_eq!(signer.verify(&path, &query, NOW).unwrap().as_str(), KEY);
        assert_eq!(signer.verify(&path, &query, NOW + 59 * SECOND).unwrap().as_str(), KEY);
        assert_eq!(signer.verify(&path, &query, NOW + 60 * SECOND), Err(Expired));
    }

    #[test]
    fn never_lives_longer_than_an_hour() {
        let (signer, path, query) = signed(u32::MAX);
        assert!(signer.verify(&path, &query, NOW + 3_599 * SECOND).is_ok());
        assert_eq!(signer.verify(&path, &query, NOW + 3_600 * SECOND), Err(Expired));
        assert!(signed(0).2.starts_with("expires=1700000001&"));
    }

    #[test]
    fn refuses_every_change_of_one_byte() {
        let (signer, path, query) = signed(60);
        let url = format!("{path}?{query}");
        for at in 0..url.len() {
            let mut bytes = url.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let (path, query) = changed.split_once('?').unwrap_or((&changed, ""));
            assert_eq!(signer.verify(path, query, NOW), Err(BadSignature), "byte {at}: {changed}");
        }
    }

    #[test]
    fn refuses_other_forms_of_the_same_url_and_other_keys() {
        let (signer, path, query) = signed(60);
        let (expires, signature) = query.split_once('&').unwrap();
        for other in [
            format!("{signature}&{expires}"),
            format!("{query}&x=1"),
            format!("{query}="),
            query.replace("expires=", "expires=+"),
            query.replace("expires=", "expires=0"),
            expires.to_owned(),
            String::new(),
        ] {
            assert_eq!(signer.verify(&path, &other, NOW), Err(BadSignature), "{other}");
        }
        assert_eq!(signer.verify(&path.replace("/files/", "/files//"), &query, NOW), Err(BadSignature));
        assert_eq!(UrlSigner::new(&[8; 32]).verify(&path, &query, NOW), Err(BadSignature));
        assert_eq!(signer.verify(&path, &query, NOW + 3_601 * SECOND), Err(Expired));
        assert!(!format!("{signer:?}").contains('7'));
    }

    #[test]
    fn an_address_to_send_to_is_no_address_to_read_from() {
        let signer = UrlSigner::new(&[7; 32]);
        let id = Uuid::from_u128(0x018f_3c5e_0000_7000_8000_0000_0000_00ff);
        let url = signer.sign_upload(id, 1_700_000_060);
        let (path, query) = url.split_once('?').unwrap();
        assert_eq!(path, format!("/files/uploads/{id}"));
        assert_eq!(signer.verify_upload(path, query, NOW), Ok(id));
        assert_eq!(signer.verify_upload(path, query, NOW + 60 * SECOND), Err(Expired));
        assert_eq!(signer.verify(path, query, NOW), Err(BadSignature));
        for other in [path.to_uppercase(), path.replace('-', ""), path.replace("ff", "fe"), format!("{path}/")] {
            assert_eq!(signer.verify_upload(&other, query, NOW), Err(BadSignature), "{other}");
        }
        assert_eq!(signer.verify_upload(path, &query.replace("0060", "0061"), NOW), Err(BadSignature));
        let (signer, path, query) = signed(60);
        assert_eq!(signer.verify_upload(&path, &query, NOW), Err(BadSignature));
    }
}
