//! Access tokens (JWT) and opaque tokens. A JWT names user and session and no role: what they may do is read with each
//! request. Time is judged by the clock that is handed in.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header, Validation};
use ring::digest;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keys::KeyRing;
use crate::{
    clock::{Micros, SECOND},
    error::{AuthReason, Internal},
    ids::{Ids, random},
};

/// How far another process's clock may be ahead of ours, in seconds.
const SKEW_SECONDS: i64 = 60;
/// No token of ours is longer.
const LENGTH_MAX: usize = 2_048;

/// What access tokens say besides whom they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRules {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// How long one is good for, in seconds, at least 1.
    pub lifetime_seconds: i64,
}

impl Default for TokenRules {
    fn default() -> Self {
        Self { issuer: "inkledger".to_owned(), audience: "inkledger".to_owned(), lifetime_seconds: 600 }
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    iat: i64,
    exp: i64,
}

/// What a good token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    /// The person.
    pub user_id: Uuid,
    /// The session.
    pub session_id: Uuid,
    /// When the token ends, microseconds.
    pub expires_at: Micros,
}

/// A token for `session_id` of `user_id`, and when it ends (microseconds, whole seconds).
pub fn issue(
    keys: &KeyRing,
    rules: &TokenRules,
    user_id: Uuid,
    session_id: Uuid,
    now: Micros,
) -> Result<(SecretString, Micros), Internal> {
    let iat = now.div_euclid(SECOND);
    let exp = iat.saturating_add(rules.lifetime_seconds);
    let header = Header { kid: Some(keys.kid().to_owned()), ..Header::new(Algorithm::EdDSA) };
    let (iss, aud) = (rules.issuer.clone(), rules.audience.clone());
    let wire = Wire { iss, aud, sub: user_id, sid: session_id, iat, exp };
    let token = jsonwebtoken::encode(&header, &wire, keys.encoding())
        .map_err(|error| Internal::new("signing an access token", error))?;
    Ok((token.into(), exp.saturating_mul(SECOND)))
}

/// Whether the header is exactly of the kind we write. Anything that could make a verifier look elsewhere for a key or
/// an algorithm is refused before the signature is looked at.
fn is_our_header(header: &Header) -> bool {
    header.alg == Algorithm::EdDSA
        && header.jku.is_none()
        && header.jwk.is_none()
        && header.x5u.is_none()
        && header.x5c.is_none()
        && header.x5t.is_none()
        && header.x5t_s256.is_none()
        && header.crit.is_none()
        && header.enc.is_none()
        && header.zip.is_none()
        && header.typ.as_deref() == Some("JWT")
}

/// What a rightly signed token of ours says, whether or not it is good now. Times in whole seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignedClaims {
    user_id: Uuid,
    session_id: Uuid,
    iat: i64,
    exp: i64,
    /// When the key that signed it ends, microseconds; `None` for the present one.
    until: Option<Micros>,
}

/// What `token` says. Answers `TokenInvalid`, and `TokenExpired` only for a token that was good once.
pub fn verify(keys: &KeyRing, rules: &TokenRules, token: &str, now: Micros) -> Result<Claims, AuthReason> {
    if token.len() > LENGTH_MAX {
        return Err(AuthReason::TokenInvalid);
    }
    // What is remembered was found right by the same key and the same rules.
    let hash = sha256([token, &rules.issuer, &rules.audience].join("\0").as_bytes());
    let signed = match keys.seen().get(&hash) {
        Some(signed) => signed,
        None => {
            let signed = read_signed(keys, rules, token).ok_or(AuthReason::TokenInvalid)?;
            keys.seen().put(hash, signed);
            signed
        }
    };
    let seconds = now.div_euclid(SECOND);
    let SignedClaims { user_id, session_id, iat, exp, until } = signed;
    // Judged each time, since what is remembered outlives the key.
    if until.is_some_and(|until| now >= until) {
        return Err(AuthReason::TokenInvalid);
    }
    let lifetime = exp.saturating_sub(iat);
    if !(1..=rules.lifetime_seconds).contains(&lifetime) || iat > seconds.saturating_add(SKEW_SECONDS) {
        return Err(AuthReason::TokenInvalid);
    }
    if seconds >= exp {
        return Err(AuthReason::TokenExpired);
    }
    Ok(Claims { user_id, session_id, expires_at: exp.saturating_mul(SECOND) })
}

/// What a token says that has our header, our issuer and audience, and our signature.
fn read_signed(keys: &KeyRing, rules: &TokenRules, token: &str) -> Option<SignedClaims> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    if !is_our_header(&header) {
        return None;
    }
    let (decoding, until) = keys.decoding(header.kid.as_deref()?)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false; // The library reads the machine's clock; ours decides.
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[&rules.issuer]);
    validation.set_audience(&[&rules.audience]);
    let Wire { sub, sid, iat, exp, .. } = jsonwebtoken::decode(token, decoding, &validation).ok()?.claims;
    Some(SignedClaims { user_id: sub, session_id: sid, iat, exp, until })
}

/// The token of an `Authorization` header. Refuses: `TokenInvalid` when it is of another scheme or empty.
pub fn bearer(header: &str) -> Result<&str, AuthReason> {
    match header.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => Ok(token.trim()),
        _ => Err(AuthReason::TokenInvalid),
    }
}

/// An opaque token of 256 bits. It exists in clear only with its holder; tables keep its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct OpaqueToken([u8; 32]);

impl std::fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpaqueToken(…)")
    }
}

impl OpaqueToken {
    /// A new one.
    pub fn draw(ids: &dyn Ids) -> Self {
        Self(random(ids))
    }

    /// Reads what [`Self::reveal`] wrote. `None` when it is not one.
    pub fn parse(text: &SecretString) -> Option<Self> {
        let text = text.expose_secret();
        if text.len() != 43 {
            return None;
        }
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// The text for its holder, 43 characters.
    pub fn reveal(&self) -> SecretString {
        URL_SAFE_NO_PAD.encode(self.0).into()
    }

    /// SHA-256, as stored.
    pub fn hash(&self) -> Vec<u8> {
        sha256(&self.0)
    }

    /// The refresh token that follows this one.
    pub fn successor(&self, keys: &KeyRing) -> Self {
        Self(keys.successor(&self.0))
    }
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}
