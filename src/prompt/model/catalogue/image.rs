//! The shipped texts for images: event types, styles, the carousel background and the defaults.

use super::{Shipped, shipped};
use crate::prompt::model::Category::{CarouselBackground, EventType, StylePreset, SystemDefault};

/// What events look like.
pub(super) const EVENT_TYPES: [Shipped; 24] = [
    shipped(
        EventType,
        "ART_CLASS",
        "Art Class",
        "Sunlit art studio with rows of wooden easels, brushes standing in glass jars, half-finished canvases full of color, paint-speckled aprons and curious hands trying a first bold stroke",
    ),
    shipped(
        EventType,
        "BBQ",
        "BBQ",
        "Backyard barbecue in golden late-afternoon light, curls of smoke above a charcoal grill, checkered tablecloths, bowls of fresh salad, ice-cold lemonade and neighbors laughing under string lights",
    ),
    shipped(
        EventType,
        "BIRTHDAY_PARTY",
        "Birthday Party",
        "Joyful birthday celebration with a tiered cake and glowing candles, clusters of balloons, paper streamers crossing the room, wrapped presents in bright ribbons and confetti caught in mid-air",
    ),
    shipped(
        EventType,
        "BOOK_CLUB",
        "Book Club",
        "Cozy reading corner with deep armchairs, stacks of well-loved novels, steaming cups of tea on a low table, warm lamp light and friends leaning in over an open page",
    ),
    shipped(
        EventType,
        "BREAKDANCING",
        "Breakdancing",
        "Breakdancer frozen in a one-handed spin on a sheet of cardboard, a cheering circle all around, graffiti walls, a vintage boombox, sneakers in the foreground and dust lit by a hard side light",
    ),
    shipped(
        EventType,
        "CELEBRATION",
        "Celebration",
        "Festive gathering under sparkling lights, raised glasses, swirling ribbons and gold confetti, a table rich with treats and a crowd caught in a shared moment of delight",
    ),
    shipped(
        EventType,
        "COMMUNITY_EVENT",
        "Community Event",
        "Lively neighborhood square with stalls, hand-painted banners, children chasing bubbles, musicians on a small stage and people of all ages meeting in soft morning sun",
    ),
    shipped(
        EventType,
        "CONCERT",
        "Concert",
        "Concert stage seen from the crowd, beams of colored light cutting through haze, silhouettes of raised hands, a band in motion and a wave of energy rolling toward the viewer",
    ),
    shipped(
        EventType,
        "CORPORATE_EVENT",
        "Corporate Event",
        "Elegant conference hall with tall windows, a speaker on a clean stage, attentive guests at round tables, geometric accents in deep blue and silver and a calm sense of purpose",
    ),
    shipped(
        EventType,
        "FAMILY_GATHERING",
        "Family Gathering",
        "Long garden table set for a big family, grandparents, cousins and toddlers passing dishes, wildflowers in jugs, dappled shade from an old tree and easy laughter all around",
    ),
    shipped(
        EventType,
        "FITNESS_CLASS",
        "Fitness Class",
        "Bright training studio with people moving in rhythm, stretched arms, colorful mats and dumbbells, a coach full of drive, beads of sweat in rim light and a strong diagonal composition",
    ),
    shipped(
        EventType,
        "FUNDRAISER",
        "Fundraiser",
        "Warm evening fundraiser with candle-lit tables, a heart-shaped centerpiece, hands joining over a donation jar, soft bokeh in the background and a hopeful, generous mood",
    ),
    shipped(
        EventType,
        "GAME_NIGHT",
        "Game Night",
        "Living room game night seen from above, board games, cards and colorful dice across a wooden table, bowls of popcorn, eager hands reaching in and a cheerful glow from a hanging lamp",
    ),
    shipped(
        EventType,
        "HOLIDAY_CELEBRATION",
        "Holiday Celebration",
        "Seasonal festivity with garlands and lanterns, a table of traditional dishes, families in festive dress, candle glow on smiling faces and ornaments that frame the scene",
    ),
    shipped(
        EventType,
        "MEETUP",
        "Meetup",
        "Relaxed meetup in a brick-walled loft, small groups chatting over coffee, name tags and notebooks, plants in the windows and an open, welcoming layout that invites newcomers",
    ),
    shipped(
        EventType,
        "NIGHTLIFE",
        "Nightlife",
        "Late-night club scene drenched in violet and teal neon, a DJ behind glowing decks, dancers as sharp silhouettes, drifting haze and light streaks that pulse with the bass",
    ),
    shipped(
        EventType,
        "OTHER",
        "Special Event",
        "Inviting gathering in a beautifully lit space, an eye-catching focal point in the center, friendly faces, tasteful decor and rich complementary colors that hint at something special",
    ),
    shipped(
        EventType,
        "PARK_GATHERING",
        "Park Gathering",
        "Picnic blankets spread across a green city park, kites in a clear sky, baskets of fruit and bread, friends playing guitar and long soft shadows of early evening",
    ),
    shipped(
        EventType,
        "POTLUCK",
        "Potluck",
        "Generous buffet of homemade dishes from many kitchens, steaming casseroles, colorful salads and pies, mismatched plates, handwritten labels and hands reaching across to share",
    ),
    shipped(
        EventType,
        "POTTERY",
        "Pottery",
        "Hands shaping wet clay on a spinning wheel, shelves of glazed bowls, earthy terracotta and slate tones, window light raking over textured surfaces and splashes of slip on a linen apron",
    ),
    shipped(
        EventType,
        "REUNION",
        "Reunion",
        "Old friends embracing beneath a banner of faded photographs, a wall of shared memories, amber evening light, glasses ready for a toast and faces bright with recognition",
    ),
    shipped(
        EventType,
        "SPORTS_EVENT",
        "Sports Event",
        "Athletes in full motion under stadium floodlights, flying turf and motion trails, a roaring crowd in team colors, a dramatic low camera angle and tension in every muscle",
    ),
    shipped(
        EventType,
        "WEDDING",
        "Wedding",
        "Romantic wedding scene with an arch of fresh flowers, petals along the aisle, flowing fabric, intertwined rings, delicate gold details and a tender glow of sunset behind the couple",
    ),
    shipped(
        EventType,
        "WORKSHOP",
        "Workshop",
        "Hands-on workshop around a sturdy workbench, tools laid out in order, sketches and sticky notes, a mentor guiding a small group and focused daylight from a skylight above",
    ),
];

/// Looks to draw in.
pub(super) const STYLE_PRESETS: [Shipped; 12] = [
    shipped(
        StylePreset,
        "Children Book",
        "Children Book",
        "Whimsical picture-book illustration, soft watercolor washes, gentle ink outlines, round friendly characters, storybook proportions and a palette of sky blue, butter yellow and rose",
    ),
    shipped(
        StylePreset,
        "Cyberpunk",
        "Cyberpunk",
        "Rain-slick cyberpunk city, towering holographic signs, magenta and cyan neon reflected in puddles, dense cables and chrome, deep shadows and a cinematic wide-angle view",
    ),
    shipped(
        StylePreset,
        "Fantasy World",
        "Fantasy World",
        "Epic fantasy painting, floating islands and crystal spires, luminous mist, mythical creatures in the distance, ornate detail and sweeping golden light across vast scenery",
    ),
    shipped(
        StylePreset,
        "Golden Harmony",
        "Golden Harmony",
        "Opulent composition in gold leaf and ivory, flowing art-nouveau curves, balanced symmetry, fine filigree borders, gentle gradients and a serene, luxurious glow",
    ),
    shipped(
        StylePreset,
        "Origami",
        "Origami",
        "Scene built from folded paper, crisp creases and layered geometric shapes, visible paper grain, soft studio shadows, pastel sheets and a miniature diorama depth",
    ),
    shipped(
        StylePreset,
        "Political Satire",
        "Political Satire",
        "Editorial cartoon with exaggerated features, confident cross-hatching, bold ink contours, muted newsprint tones with one striking accent color and sharp visual irony",
    ),
    shipped(
        StylePreset,
        "Pop Art",
        "Pop Art",
        "Punchy pop art with halftone dots, thick black outlines, flat blocks of red, yellow and cyan, repeated panels, comic bursts and an exuberant sixties attitude",
    ),
    shipped(
        StylePreset,
        "Retro Game",
        "Retro Game",
        "Sixteen-bit pixel art scene, limited bright palette, chunky sprites, parallax hills and clouds, scanline glow and the playful look of a classic arcade title screen",
    ),
    shipped(
        StylePreset,
        "Street Art",
        "Street Art",
        "Large mural sprayed on weathered brick, dripping paint, stencil layers, vivid fades from orange to violet, urban texture and fearless, oversized shapes",
    ),
    shipped(
        StylePreset,
        "Unicorn Balloon Bash",
        "Unicorn Balloon Bash",
        "Dreamy pastel party world, unicorns shaped from glossy balloons, rainbow arches, cotton-candy clouds, glitter in the air and a sweet, bubbly sense of wonder",
    ),
    shipped(
        StylePreset,
        "Vintage Film Poster",
        "Vintage Film Poster",
        "Hand-painted mid-century cinema poster, dramatic portrait grouping, textured brushwork, faded crimson and teal inks, aged paper edges and theatrical spotlighting",
    ),
    shipped(
        StylePreset,
        "Wild Card",
        "Wild Card",
        "Unexpected blend of artistic media, surprising scale and perspective, daring color pairings, playful surreal details and one unforgettable idea at the center of the image",
    ),
];

/// What carousels stand on. No reader yet: reserved.
pub(super) const CAROUSEL_BACKGROUNDS: [Shipped; 1] = [shipped(
    CarouselBackground,
    "base",
    "Carousel Background",
    "Calm abstract backdrop for a series of slides, broad soft shapes, a smooth gradient, generous empty space in the middle and subtle texture toward the edges",
)];

/// What every image prompt ends with, and the template of the minimal event text.
pub(super) const SYSTEM_DEFAULTS: [Shipped; 3] = [
    shipped(
        SystemDefault,
        "base_prompt",
        "Base Prompt",
        "balanced layout with one clear focal point, harmonious colors, natural light, believable anatomy, clean edges, open space around the main subject",
    ),
    shipped(
        SystemDefault,
        "enhancement",
        "Enhancement",
        "intricate detail, rich textures, layered depth, nuanced shadows, refined color grading, crisp focus on the main subject",
    ),
    shipped(
        SystemDefault,
        "fallback",
        "Fallback",
        "{event} flyer theme, one inviting central scene, warm festive colors, simple shapes and room to breathe",
    ),
];
