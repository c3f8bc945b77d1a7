//! A server, a HERO, and somebody who draws.

use std::sync::Arc;

use base64::Engine as _;
use inkledger::{
    ai::{
        model::{AspectRatio, Quality},
        shelf::{ImageAbout, ImageRecord, ImageShelf as _, KeepError, KeptImage, Slot},
    },
    clock::{Clock as _, SystemClock},
    db::{Engine, effect::Facts},
    error::Failure,
    flag::{Environment, Switches},
    ids::{Ids as _, SystemIds},
    image::Gallery,
    storage::{Storage, UrlSigner},
};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    builders::Person,
    server::{Home, Server},
};

/// All that there is to read of an image.
pub const IMAGE: &str = "id url contentType width height bytes prompt modelName seed aspectRatio quality kind visibility \
                         isHidden isSandbox placeholder watermarkText altText eventType style createdAt \
                         copies { kind url width height contentType bytes failure } \
                         original { id } enlargement { id }";

/// A server and two people.
pub struct Stage {
    pub server: Server,
    pub hero: Person,
    pub owner: Person,
    keys: std::sync::atomic::AtomicU32,
}

/// The UUID in a global id.
pub fn uuid_of(id: &str) -> Uuid {
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(id).unwrap();
    Uuid::from_slice(&bytes[1..]).unwrap()
}

impl Stage {
    pub async fn open(engine: Engine) -> Self {
        let server = Home::open(engine).await.start().await;
        let hero = server.hero().await;
        let owner = server.sign_up("owner").await;
        server.give(&hero, &owner, 100).await;
        Self::of(server, hero, owner)
    }

    /// With a server of the caller's, and an owner who has credits.
    pub fn of(server: Server, hero: Person, owner: Person) -> Self {
        Self { server, hero, owner, keys: std::sync::atomic::AtomicU32::new(0) }
    }

    /// Draws and waits; `more` goes into the input.
    pub async fn task(&self, more: Value) -> Value {
        let no = self.keys.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let mut input =
            json!({"prompt": "a lighthouse at dusk", "seed": 7, "idempotencyKey": format!("image-{no:08}")});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let query = "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { id } userErrors { code message } } }";
        let payload = self.server.payload(&self.owner, query, json!({"i": input})).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        self.server.ended(&self.owner, payload["task"]["id"].as_str().unwrap()).await
    }

    /// Draws one image and reads all of it.
    pub async fn draw(&self, more: Value) -> Value {
        let task = self.task(more).await;
        assert_eq!(task["status"], "SUCCESS", "{task}");
        self.see(Some(&self.owner.token), task["items"][0]["image"]["id"].as_str().unwrap()).await
    }

    /// What the holder of `token` is told of an image: null when it is not there for them.
    pub async fn see(&self, token: Option<&str>, id: &str) -> Value {
        let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on Image {{ {IMAGE} }} }} }}");
        self.server.data(token, &query, json!({"id": id})).await["node"].take()
    }

    /// The code that the holder of `token` is refused with, or `OK`.
    pub async fn act(&self, token: Option<&str>, field: &str, input: Value) -> String {
        let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
        let query = format!("mutation($i: {kind}!) {{ {field}(input: $i) {{ userErrors {{ code }} }} }}");
        let answer = self.server.call(token, &query, json!({"i": input})).await;
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        let refused = answer["data"][field]["userErrors"][0]["code"].as_str();
        code.or(refused).unwrap_or("OK").to_owned()
    }

    /// Somebody who belongs to the owner's account too.
    pub async fn member(&self, name: &str, role: &str) -> Person {
        let person = self.server.sign_up(name).await;
        let sql = "INSERT INTO account_member (account_id, user_id, role, created_at) VALUES ($1, $2, $3, 0)";
        let values = [uuid_of(&self.owner.account).into(), uuid_of(&person.user).into(), role.into()];
        let db = &self.server.db;
        db.migration_connection().execute_raw(db.statement(sql, values)).await.unwrap();
        person
    }

    /// The status and bytes at a signed address.
    pub async fn fetch(&self, url: &Value) -> (u16, bytes::Bytes) {
        let answer = reqwest::get(url.as_str().unwrap()).await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    }

    /// The image at a signed address.
    pub async fn pixels(&self, url: &Value) -> image::RgbImage {
        let (status, bytes) = self.fetch(url).await;
        assert_eq!(status, 200, "{url}");
        image::load_from_memory(&bytes).unwrap().into_rgb8()
    }

    /// Sets what the owner's images are marked with.
    pub async fn set_watermark(&self, text: Option<&str>, is_on: bool) {
        let query = "query($id: ID!) { account(id: $id) { version } }";
        let account = self.server.payload(&self.owner, query, json!({"id": self.owner.account})).await;
        let input = json!({
            "accountId": self.owner.account, "expectedVersion": account["version"],
            "watermarkText": text, "isWatermarked": is_on,
        });
        assert_eq!(self.act(Some(&self.owner.token), "updateAccount", input).await, "OK");
    }

    /// The gallery as a worker has it.
    pub fn gallery(&self) -> Gallery {
        let clock = Arc::new(SystemClock);
        let ids = Arc::new(SystemIds::new(clock.clone()));
        let storage = Storage::local(self.server.home.folder()).unwrap();
        let switches = Switches::new(clock.clone(), &Environment::default());
        Gallery::new(self.server.db.clone(), clock, ids, storage, Arc::new(UrlSigner::new(&[7; 32])), switches)
    }

    pub fn slot(&self, original: Option<&str>) -> Slot {
        let image = SystemIds::new(Arc::new(SystemClock)).uuid();
        Slot { account: uuid_of(&self.owner.account), image, watermark: None, original: original.map(uuid_of) }
    }

    /// Stores bytes as a worker does.
    pub async fn keep(&self, slot: Slot, bytes: Vec<u8>) -> Result<KeptImage, KeepError> {
        self.gallery().keep(slot, bytes.into()).await
    }

    /// Delivers what was kept, as an enlargement of `original` if there is one. False: a guard refused it.
    pub async fn deliver(&self, kept: &KeptImage, original: Option<&str>) -> bool {
        let task = self.server.db.reader().query_one_raw(
            self.server
                .db
                .statement("SELECT id, ai_model_id FROM ai_task WHERE ai_function = 'GENERATE_IMAGES' LIMIT 1", []),
        );
        let task = task.await.unwrap().unwrap();
        let record = ImageRecord {
            account_id: uuid_of(&self.owner.account),
            ai_task_id: task.try_get("", "id").unwrap(),
            prompt: "a lighthouse at dusk".to_owned(),
            ai_model_id: task.try_get("", "ai_model_id").unwrap(),
            model_name: "an enlarger".to_owned(),
            provider: "sandbox".to_owned(),
            seed: None,
            original_id: original.map(uuid_of),
            about: ImageAbout {
                event_type: Some("WEDDING".to_owned()),
                style: Some("Origami".to_owned()),
                ratio: AspectRatio::SQUARE,
                quality: Quality::Standard,
            },
            now: SystemClock.now(),
        };
        let effects = self.gallery().effects(kept, &record);
        let now = record.now;
        self.server
            .db
            .write(effects, move |tx, effects| {
                Box::pin(async move {
                    for effect in effects.iter() {
                        if !effect.guard_holds(tx).await? {
                            return Err(Failure::Refused(()));
                        }
                    }
                    for effect in effects.iter() {
                        effect.write(tx, &Facts::at(now)).await.unwrap();
                    }
                    Ok(())
                })
            })
            .await
            .is_ok()
    }

    /// An enlargement of `original`, delivered: its global id.
    pub async fn enlarge(&self, original: &str) -> String {
        let kept = self.keep(self.slot(Some(original)), picture(1400, 1400)).await.unwrap();
        assert!(self.deliver(&kept, Some(original)).await);
        self.see(Some(&self.owner.token), original).await["enlargement"]["id"].as_str().unwrap().to_owned()
    }
}

/// A PNG.
pub fn picture(width: u32, height: u32) -> Vec<u8> {
    let colour = |x: u32, y: u32| image::Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 90]);
    let mut out = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(width, height, colour).write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}
