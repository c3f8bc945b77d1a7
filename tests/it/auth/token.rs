//! Access tokens that are not ours, in every known way (G66, attack 12).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use inkledger::{
    auth::{
        AuthSettings,
        keys::KeyRing,
        token::{TokenRules, issue},
    },
    clock::Clock,
    db::Engine,
    error::AuthReason,
    viewer::Viewer,
};
use ring::{hmac, signature::Ed25519KeyPair};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::house::{CHEAP, House, KEY, SECOND};

struct Forger {
    header: Value,
    claims: Value,
    pair: Ed25519KeyPair,
}

impl Forger {
    fn signed(&self) -> String {
        let message = self.message();
        let signature = self.pair.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn message(&self) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }

    fn with_header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    fn with_claim(mut self, name: &str, value: Value) -> Self {
        if value.is_null() {
            self.claims.as_object_mut().unwrap().remove(name);
        } else {
            self.claims[name] = value;
        }
        self
    }
}

struct Scene {
    house: House,
    user: Uuid,
    session: Uuid,
    keys: KeyRing,
}

impl Scene {
    async fn open() -> Self {
        let house = House::open(Engine::Sqlite).await;
        let session = house.person("Ada").await;
        let keys = KeyRing::from_seed(KEY).unwrap();
        Self { user: session.user.id, session: session.who.session_id, house, keys }
    }

    /// A token exactly like ours, made without our code.
    fn forger(&self) -> Forger {
        let now = self.house.test.clock.now() / SECOND;
        Forger {
            header: json!({"typ": "JWT", "alg": "EdDSA", "kid": self.keys.kid()}),
            claims: json!({
                "iss": "inkledger", "aud": "inkledger", "sub": self.user, "sid": self.session,
                "iat": now, "exp": now + 600,
            }),
            pair: Ed25519KeyPair::from_seed_unchecked(&KEY).unwrap(),
        }
    }

    async fn judge(&self, token: &str) -> Result<Uuid, AuthReason> {
        match self.house.auth.authenticate(Some(token)).await.unwrap() {
            Viewer::User(who) => Ok(who.user_id),
            Viewer::Anonymous(reason) => Err(reason),
            Viewer::System => panic!("nobody becomes the system by a token"),
        }
    }

    async fn assert_invalid(&self, what: &str, token: &str) {
        assert_eq!(self.judge(token).await, Err(AuthReason::TokenInvalid), "{what}");
    }
}

#[tokio::test]
async fn takes_a_token_that_is_signed_with_the_key_and_says_what_ours_say() {
    let scene = Scene::open().await;
    assert_eq!(scene.judge(&scene.forger().signed()).await, Ok(scene.user));
}

#[tokio::test]
async fn names_no_role() {
    let scene = Scene::open().await;
    let token = scene.house.sign_in("Ada").await.access_token;
    let payload = token.expose_secret().split('.').nth(1).unwrap().to_owned();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let mut names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "exp", "iat", "iss", "sid", "sub"]);
}

#[tokio::test]
async fn refuses_other_algorithms_and_signatures() {
    let scene = Scene::open().await;
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let message = scene.forger().with_header("alg", json!(alg)).message();
        scene.assert_invalid(alg, &format!("{message}.")).await;
        scene.assert_invalid(alg, &format!("{message}.AAAA")).await;
        scene.assert_invalid(alg, &scene.forger().with_header("alg", json!(alg)).signed()).await;
    }
    // The public key as an HMAC secret: raw, as hexadecimal and as base64.
    let public = scene.keys.public_key();
    for secret in [public.to_vec(), hex::encode(public).into_bytes(), URL_SAFE_NO_PAD.encode(public).into_bytes()] {
        for (alg, algorithm) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            let message = scene.forger().with_header("alg", json!(alg)).message();
            let tag = hmac::sign(&hmac::Key::new(algorithm, &secret), message.as_bytes());
            scene.assert_invalid(alg, &format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))).await;
        }
    }
    for alg in ["RS256", "PS512", "ES256", "ES384", "Ed25519", "XX"] {
        scene.assert_invalid(alg, &scene.forger().with_header("alg", json!(alg)).signed()).await;
    }
    let mut other = scene.forger();
    other.pair = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
    scene.assert_invalid("another key", &other.signed()).await;
}

#[tokio::test]
async fn refuses_headers_that_point_to_another_key() {
    let scene = Scene::open().await;
    let public = KeyRing::from_seed([8; 32]).unwrap();
    let x = URL_SAFE_NO_PAD.encode(public.public_key());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "EdDSA", "kid": "mine"});
    let pointers = [
        ("jku", json!("https://attacker.example/keys.json")),
        ("jwk", jwk),
        ("x5u", json!("https://attacker.example/key.pem")),
        ("x5c", json!(["AAAA"])),
        ("crit", json!(["exp"])),
        ("typ", json!("at+jwt")),
    ];
    for (name, value) in pointers {
        let with_our_key = scene.forger().with_header(name, value.clone()).signed();
        scene.assert_invalid(name, &with_our_key).await;
        let mut forged = scene.forger().with_header(name, value);
        forged.pair = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
        scene.assert_invalid(name, &forged.signed()).await;
    }
    let kids = [json!(""), json!("mine"), json!(public.kid()), json!("../../dev/null"), json!("' OR 1=1 --"), json!(1)];
    for kid in kids {
        let mut forged = scene.forger().with_header("kid", kid.clone());
        forged.pair = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
        scene.assert_invalid(&kid.to_string(), &forged.signed()).await;
        scene.assert_invalid(&kid.to_string(), &scene.forger().with_header("kid", kid.clone()).signed()).await;
    }
    let mut without = scene.forger();
    without.header.as_object_mut().unwrap().remove("kid");
    scene.assert_invalid("no kid", &without.signed()).await;
}

#[tokio::test]
async fn refuses_claims_that_are_not_ours() {
    let scene = Scene::open().await;
    let now = scene.house.test.clock.now() / SECOND;
    let wrong = [
        ("iss", json!("other")),
        ("iss", Value::Null),
        ("aud", json!("other")),
        ("aud", Value::Null),
        ("aud", json!([])),
        ("sub", json!("not a uuid")),
        ("sub", Value::Null),
        ("sid", Value::Null),
        ("exp", Value::Null),
        ("exp", json!("9999999999")),
        ("exp", json!(1e30)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(now + 601)),
        ("iat", Value::Null),
        ("iat", json!(now + 61)),
        ("iat", json!(now - 100_000)),
    ];
    for (name, value) in wrong {
        let token = scene.forger().with_claim(name, value.clone()).signed();
        scene.assert_invalid(&format!("{name} {value}"), &token).await;
    }
    let ahead = scene.forger().with_claim("iat", json!(now + 60)).with_claim("exp", json!(now + 660)).signed();
    assert_eq!(scene.judge(&ahead).await, Ok(scene.user), "a clock that is 60 s ahead is taken");
    // A good signature over somebody else's session, or none at all, gives nobody.
    let bob = scene.house.person("Bob").await;
    let crossed = scene.forger().with_claim("sub", json!(bob.user.id)).signed();
    assert_eq!(scene.judge(&crossed).await, Err(AuthReason::SessionEnded));
    let unknown = scene.forger().with_claim("sid", json!(Uuid::from_u128(9))).signed();
    assert_eq!(scene.judge(&unknown).await, Err(AuthReason::SessionEnded));
    let role = scene.forger().with_claim("role", json!("HERO")).signed();
    assert_eq!(scene.judge(&role).await, Ok(scene.user));
}

#[tokio::test]
async fn ends_with_the_second_it_names_by_the_servers_clock() {
    let scene = Scene::open().await;
    let token = scene.forger().signed();
    scene.house.test.clock.advance(599 * SECOND + 999_999);
    assert_eq!(scene.judge(&token).await, Ok(scene.user));
    scene.house.test.clock.advance(1);
    assert_eq!(scene.judge(&token).await, Err(AuthReason::TokenExpired));
    let forged = format!("{}AAAA", token.get(..token.len() - 4).unwrap());
    scene.assert_invalid("an expired token with a bad signature is not called expired", &forged).await;
}

#[tokio::test]
async fn refuses_texts_that_are_no_token() {
    let scene = Scene::open().await;
    let good = scene.forger().signed();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let huge = format!("{}.{}.{}", "A".repeat(100_000), "A".repeat(100_000), "A".repeat(100_000));
    let odd = [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "\u{0}",
        "é.é.é",
        &huge,
        message,
        &format!("{good}."),
        &format!(".{good}"),
        &format!("{message}."),
        &format!("{message}.{signature}="),
        &format!("{good} "),
        &good.replace('.', ".."),
    ];
    for text in odd {
        scene.assert_invalid(&text.chars().take(20).collect::<String>(), text).await;
    }
}

#[tokio::test]
async fn reads_the_header_of_the_bearer_scheme_only() {
    let scene = Scene::open().await;
    let token = scene.forger().signed();
    let judge = async |header: Option<String>| match scene.house.auth.authenticate_header(header.as_deref()).await {
        Ok(Viewer::Anonymous(reason)) => Some(reason),
        Ok(Viewer::User(_)) => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(judge(None).await, Some(AuthReason::Missing));
    assert_eq!(judge(Some(format!("Bearer {token}"))).await, None);
    assert_eq!(judge(Some(format!("bearer  {token}"))).await, None);
    for wrong in [token.clone(), format!("Basic {token}"), "Bearer".to_owned(), "Bearer ".to_owned(), String::new()] {
        assert_eq!(judge(Some(wrong)).await, Some(AuthReason::TokenInvalid));
    }
}

#[tokio::test]
async fn keeps_installations_apart_by_issuer_and_audience() {
    let scene = Scene::open().await;
    let rules = TokenRules { issuer: "other".to_owned(), ..TokenRules::default() };
    let settings = AuthSettings { tokens: rules.clone(), ..AuthSettings::default() };
    let other = scene.house.restarted(settings, CHEAP).await;
    let now = scene.house.test.clock.now();
    let (token, expires_at) = issue(&scene.keys, &rules, scene.user, scene.session, now).unwrap();
    assert_eq!(expires_at, now + 600 * SECOND);
    assert!(other.authenticate(Some(token.expose_secret())).await.unwrap().user().is_some());
    scene.assert_invalid("another installation's token", token.expose_secret()).await;
}
