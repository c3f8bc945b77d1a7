//! The rows of an image that was delivered, as values.

use crate::{
    ai::shelf::{ImageRecord, KeptImage, KeptObject},
    db::effect::{Cell, Effect, Set},
    image::ImageKind,
};

fn object_effect(object: &KeptObject, record: &ImageRecord, store: &'static str) -> Effect {
    Effect::Insert {
        table: "stored_object",
        cells: vec![
            ("object_key", object.object_key.clone().into()),
            ("account_id", record.account_id.into()),
            ("store", store.into()),
            ("content_type", object.content_type.into()),
            ("bytes", object.bytes.into()),
            ("sha256", object.sha256.to_vec().into()),
            ("created_at", record.now.into()),
        ],
        if_absent: false,
    }
}

/// The image's rows, to be written with the settlement. Those of an enlargement are guarded by its original, which must
/// be there and have no other.
pub fn insert_effects(kept: &KeptImage, record: &ImageRecord, store: &'static str) -> Vec<Effect> {
    let original = KeptObject {
        object_key: kept.object_key.clone(),
        content_type: kept.content_type,
        width: kept.width,
        height: kept.height,
        bytes: kept.bytes,
        sha256: kept.sha256,
    };
    let mut effects = vec![object_effect(&original, record, store)];
    if let Some(original) = record.original_id {
        effects.push(Effect::Update {
            table: "image",
            set: vec![("is_enlarged", Set::To(true.into())), ("updated_at", Set::To(record.now.into()))],
            key: vec![("id", original.into()), ("account_id", record.account_id.into()), ("is_enlarged", false.into())],
            guarded: true,
        });
    }
    effects.push(Effect::Insert { table: "image", cells: image_cells(kept, record), if_absent: false });
    for variant in &kept.variants {
        let made = variant.made.as_ref().ok();
        if let Some(object) = made {
            effects.push(object_effect(object, record, store));
        }
        effects.push(Effect::Insert {
            table: "image_variant",
            cells: vec![
                ("image_id", kept.id.into()),
                ("variant", variant.variant.into()),
                ("object_key", made.map(|object| object.object_key.clone()).into()),
                ("width", made.map(|object| object.width).into()),
                ("height", made.map(|object| object.height).into()),
                ("failure", variant.made.as_ref().err().map(|failure| (*failure).to_owned()).into()),
                ("created_at", record.now.into()),
            ],
            if_absent: false,
        });
    }
    effects
}

fn image_cells(kept: &KeptImage, record: &ImageRecord) -> Vec<(&'static str, Cell)> {
    let about = &record.about;
    let mut cells = vec![
        ("id", kept.id.into()),
        ("account_id", record.account_id.into()),
        ("ai_task_id", record.ai_task_id.into()),
        ("kind", ImageKind::Standalone.as_str().into()),
        ("prompt", record.prompt.clone().into()),
        ("ai_model_id", record.ai_model_id.into()),
        ("model_name", record.model_name.clone().into()),
        ("provider", record.provider.clone().into()),
        ("seed", record.seed.into()),
        ("width", kept.width.into()),
        ("height", kept.height.into()),
        ("object_key", kept.object_key.clone().into()),
        ("state", "GENERATED".into()),
        ("original_id", record.original_id.into()),
        ("watermark", kept.watermark.clone().into()),
        ("placeholder", kept.placeholder.clone().into()),
        ("event_type", about.event_type.clone().into()),
        ("style", about.style.clone().into()),
        ("ratio", about.ratio.to_string().into()),
        ("quality", about.quality.as_str().into()),
        ("created_at", record.now.into()),
        ("updated_at", record.now.into()),
    ];
    if let Some(id) = record.original_id {
        // A pair is seen by the same people from the first moment on.
        for column in ["visibility", "is_hidden"] {
            cells.push((column, Cell::Select { table: "image", column, id }));
        }
    }
    cells
}
