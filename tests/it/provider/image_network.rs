//! What holds for every image service, however it speaks: the network's faults, time limits, cancelling, and the key.

use std::time::Duration;

use inkledger::ai::provider::http::HttpOptions;
use inkledger::ai::provider::{Access, Call, FailureClass, FailureCode, ProviderFailure, Timeouts};
use secrecy::SecretString;
use serde_json::json;

use super::image_stage::Service;
use super::{API_KEY, access, assert_harmless, http, patient};
use crate::support::fake_provider::{FakeProvider, Peer, Piece, Reply, listen};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(30);

/// How drawing and enlarging fail at each service.
async fn all(base_url: &str, call: &Call) -> Vec<(Service, ProviderFailure)> {
    let mut failures = Vec::new();
    for service in Service::ALL {
        let adapter = service.adapter_on(http(&HttpOptions { connect_timeout: SHORT, ..HttpOptions::default() }));
        let call = call.clone().with_access(access(base_url));
        failures.push((service, adapter.generate_image(&service.request(), &call).await.unwrap_err()));
        failures.push((service, adapter.upscale_image(&service.enlargement(), &call).await.unwrap_err()));
    }
    assert!(failures.iter().all(|(service, failure)| {
        let shown = format!("{failure} {failure:?}");
        assert!(!shown.contains(API_KEY), "{service:?}: {shown}");
        true
    }));
    failures
}

/// Six replies, one for each call of [`all`].
async fn answering(reply: &Reply) -> FakeProvider {
    FakeProvider::with(std::iter::repeat_n(reply.clone(), 6)).await
}

#[tokio::test]
async fn no_connection_is_certainly_unsent() {
    for (service, failure) in all("http://127.0.0.1:1/v1", &patient()).await {
        assert_eq!((failure.code, failure.class), (FailureCode::NetworkError, FailureClass::Transient), "{service:?}");
        assert!(!failure.sent);
    }
    let mute = listen(Peer::Mute).await;
    for (service, failure) in all(&format!("https://{mute}/v1"), &patient()).await {
        assert_eq!((failure.code, failure.sent), (FailureCode::TimeoutConnect, false), "{service:?}");
    }
}

#[tokio::test]
async fn a_broken_connection_may_have_cost_money() {
    for peer in [Peer::Closes, Peer::Resets, Peer::Says("HTTP/1.1 200 OK\r\ncontent-ty")] {
        let address = listen(peer).await;
        for (service, failure) in all(&format!("http://{address}/v1"), &patient()).await {
            assert_eq!((failure.code, failure.sent), (FailureCode::NetworkError, true), "{service:?}: {failure:?}");
            assert_harmless(&failure);
        }
    }
}

#[tokio::test]
async fn silence_stalls_and_slowness_have_codes_of_their_own() {
    let late = vec![Piece::text("{"), Piece::Pause(LONG), Piece::text("}")];
    let slow = (0..400).flat_map(|_| [Piece::text(" "), Piece::Pause(Duration::from_millis(20))]).collect();
    let json = |pieces| Reply::pieces("application/json", pieces);
    for (reply, timeouts, code) in [
        (Reply::Silence, Timeouts { first_byte: SHORT, chunk: LONG, total: LONG }, FailureCode::TimeoutFirstByte),
        (json(late), Timeouts { first_byte: LONG, chunk: SHORT, total: LONG }, FailureCode::TimeoutChunk),
        (json(slow), Timeouts { first_byte: LONG, chunk: LONG, total: SHORT }, FailureCode::TimeoutTotal),
    ] {
        let fake = answering(&reply).await;
        for (service, failure) in all(&fake.base_url(), &Call::new(timeouts)).await {
            assert_eq!((failure.code, failure.sent), (code, true), "{service:?}: {failure:?}");
        }
    }
}

#[tokio::test]
async fn cancelling_ends_a_call_at_once_and_before_it_begins_sends_nothing() {
    for service in Service::ALL {
        let fake = FakeProvider::with([Reply::Silence]).await;
        let call = patient().with_access(access(&fake.base_url()));
        let cancel = call.cancel.clone();
        let (outcome, ()) = tokio::join!(service.draw_by(&call), async move {
            tokio::time::sleep(SHORT).await;
            cancel.cancel();
        });
        let failure = outcome.unwrap_err();
        assert_eq!((failure.code, failure.sent), (FailureCode::Cancelled, true), "{service:?}");
    }
    let fake = FakeProvider::start().await;
    let call = patient();
    call.cancel.cancel();
    for (service, failure) in all(&fake.base_url(), &call).await {
        assert_eq!((failure.code, failure.sent), (FailureCode::Cancelled, false), "{service:?}");
    }
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn no_redirect_is_followed_with_the_key_or_without() {
    let other = FakeProvider::start().await;
    for status in [301, 302, 307, 308] {
        let fake = answering(&Reply::status(status, &json!({})).with_header("location", other.url("/v1/x"))).await;
        for (service, failure) in all(&fake.base_url(), &patient()).await {
            let expected = (FailureCode::UnknownError, FailureClass::OperatorFault);
            assert_eq!((failure.code, failure.class), expected, "{service:?}");
        }
    }
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn nothing_is_sent_without_a_usable_key_or_address() {
    let fake = FakeProvider::start().await;
    for service in Service::ALL {
        let refused = async |access: Access| {
            let failure = service.draw_by(&patient().with_access(access)).await.unwrap_err();
            assert_eq!((failure.class, failure.sent), (FailureClass::OperatorFault, false), "{failure:?}");
            failure.code
        };
        for key in [None, Some(""), Some("two words"), Some("line\nbreak"), Some("ключ")] {
            let key = key.map(SecretString::from);
            let code = refused(Access { base_url: Some(fake.base_url()), key }).await;
            assert_eq!(code, FailureCode::InvalidApiKey);
        }
        for base in ["", "api.example.com", "ftp://h", "http://u:p@h", "https://h?a=1", "file:///v1"] {
            assert_eq!(refused(access(base)).await, FailureCode::UnknownError, "{base}");
        }
    }
    assert!(fake.received().is_empty());
}
