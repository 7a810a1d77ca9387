"""The word lists that the tiny model learns from: everything it can know is in this file.

All of it is common knowledge typed in by hand; nothing is downloaded. Order does not matter to
a reader but does to the seed, so append rather than reorder.
"""

from __future__ import annotations


def _pairs(text: str) -> dict[str, str]:
    """Reads `left:right` pairs parted by commas."""
    return dict(pair.strip().split(":") for pair in text.split(","))


def _words(text: str) -> list[str]:
    """Reads words parted by spaces."""
    return text.split()


CAPITALS = _pairs(
    "France:Paris, Germany:Berlin, Italy:Rome, Spain:Madrid, Portugal:Lisbon, Greece:Athens, "
    "Egypt:Cairo, Japan:Tokyo, China:Beijing, India:New Delhi, Canada:Ottawa, Peru:Lima, "
    "Chile:Santiago, Cuba:Havana, Kenya:Nairobi, Norway:Oslo, Sweden:Stockholm, "
    "Finland:Helsinki, Poland:Warsaw, Austria:Vienna, Hungary:Budapest, Ireland:Dublin, "
    "Russia:Moscow, Turkey:Ankara, Iran:Tehran, Iraq:Baghdad, Brazil:Brasilia, "
    "Mexico:Mexico City, Belgium:Brussels, Denmark:Copenhagen, Australia:Canberra, "
    "Switzerland:Bern, England:London, Scotland:Edinburgh, Wales:Cardiff, Iceland:Reykjavik, "
    "Argentina:Buenos Aires, Colombia:Bogota, Ghana:Accra, Thailand:Bangkok, Vietnam:Hanoi, "
    "Nepal:Kathmandu, Ukraine:Kyiv, Romania:Bucharest, Bulgaria:Sofia, Serbia:Belgrade, "
    "Croatia:Zagreb, Malta:Valletta, Nigeria:Abuja, Morocco:Rabat, Tunisia:Tunis, Jordan:Amman"
)

OPPOSITES = _pairs(
    "hot:cold, big:small, up:down, left:right, day:night, fast:slow, open:closed, old:new, "
    "happy:sad, long:short, full:empty, early:late, hard:soft, dark:light, rich:poor, "
    "strong:weak, high:low, near:far, wet:dry, true:false, first:last, good:bad, loud:quiet, "
    "clean:dirty, thick:thin, before:after, always:never, in:out, over:under, win:lose, "
    "buy:sell, give:take, push:pull, love:hate, begin:end, question:answer, friend:enemy, "
    "inside:outside, north:south, east:west, safe:dangerous, easy:difficult, brave:afraid, "
    "wide:narrow, deep:shallow, sharp:dull, smooth:rough, awake:asleep, alive:dead, "
    "more:less, many:few, sweet:sour, top:bottom, front:back, yes:no, summer:winter"
)

IRREGULAR_PLURALS = _pairs(
    "box:boxes, fox:foxes, child:children, mouse:mice, man:men, woman:women, city:cities, "
    "leaf:leaves, foot:feet, tooth:teeth, bus:buses, goose:geese, baby:babies, lady:ladies, "
    "wolf:wolves, knife:knives, dish:dishes, glass:glasses, peach:peaches, cherry:cherries, "
    "butterfly:butterflies, sheep:sheep, fish:fish, ox:oxen, loaf:loaves, story:stories"
)

PAST_TENSES = _pairs(
    "go:went, see:saw, eat:ate, run:ran, sing:sang, swim:swam, write:wrote, read:read, "
    "give:gave, take:took, come:came, find:found, make:made, say:said, tell:told, buy:bought, "
    "bring:brought, think:thought, sleep:slept, keep:kept, know:knew, grow:grew, fly:flew, "
    "drink:drank, speak:spoke, break:broke, drive:drove, ride:rode, sit:sat, stand:stood, "
    "win:won, lose:lost, hear:heard, feel:felt, leave:left, meet:met, fall:fell, begin:began, "
    "walk:walked, talk:talked, play:played, jump:jumped, look:looked, ask:asked, help:helped, "
    "open:opened, want:wanted, paint:painted, cook:cooked, smile:smiled, dance:danced, "
    "live:lived, carry:carried, cry:cried, try:tried, stop:stopped, plan:planned"
)

COLOURS = _pairs(
    "the sky:blue, grass:green, snow:white, coal:black, a lemon:yellow, blood:red, "
    "an orange:orange, a banana:yellow, a tomato:red, milk:white, a carrot:orange, "
    "chocolate:brown, a frog:green, the sun:yellow, the sea:blue, a cherry:red, salt:white, "
    "a raven:black, an elephant:gray, a plum:purple, a flamingo:pink, a leaf:green, "
    "a cucumber:green, a bear:brown, a swan:white, honey:golden"
)

SOUNDS = _pairs(
    "dog:woof, cat:meow, cow:moo, sheep:baa, duck:quack, pig:oink, lion:roar, bee:buzz, "
    "horse:neigh, snake:hiss, owl:hoot, frog:croak, mouse:squeak, wolf:howl, crow:caw, "
    "rooster:cock-a-doodle-doo, goose:honk, donkey:hee-haw"
)

YOUNG = _pairs(
    "dog:puppy, cat:kitten, cow:calf, sheep:lamb, horse:foal, duck:duckling, bear:cub, "
    "goat:kid, hen:chick, frog:tadpole, goose:gosling, swan:cygnet, kangaroo:joey, pig:piglet, "
    "deer:fawn, owl:owlet, lion:cub, fox:cub"
)

LEGS = _pairs(
    "dog:4, cat:4, horse:4, cow:4, spider:8, ant:6, bee:6, bird:2, duck:2, snake:0, fish:0, "
    "person:2, hen:2, butterfly:6, lion:4, crab:10, worm:0, frog:4"
)

USES = _pairs(
    "a pen:writing, a knife:cutting, a bed:sleeping, a spoon:eating, a cup:drinking, "
    "a book:reading, a car:driving, a broom:sweeping, a camera:taking pictures, "
    "a clock:telling the time, a lamp:giving light, a key:opening doors, a boat:sailing, "
    "a needle:sewing, an oven:baking, a shovel:digging, a piano:making music, a ladder:climbing"
)

ANIMALS = _words(
    "cat dog horse cow sheep goat pig hen duck goose rabbit mouse rat fox wolf bear lion tiger "
    "elephant monkey zebra giraffe camel donkey deer frog toad snake turtle crab fish shark "
    "whale dolphin seal penguin owl eagle raven crow swan robin parrot bee ant spider butterfly "
    "worm snail bat squirrel otter beaver badger mole hedgehog kangaroo koala panda leopard moose"
)
FRUITS = _words(
    "apple pear plum cherry peach lemon orange banana grape melon mango fig kiwi lime apricot "
    "strawberry raspberry blueberry pineapple coconut"
)
VEGETABLES = _words(
    "carrot potato onion tomato cabbage pea bean corn spinach pumpkin cucumber garlic radish "
    "turnip lettuce pepper leek celery"
)
COLOUR_NAMES = _words("red blue green yellow black white brown gray orange purple pink golden")
TOOLS = _words("hammer saw drill knife shovel rake needle brush ladder rope nail axe broom")
FURNITURE = _words("table chair bed lamp shelf desk sofa stool bench mirror carpet clock")
CLOTHES = _words("shirt coat hat shoe sock glove scarf dress skirt jacket belt sweater boot")
VEHICLES = _words("car bus train boat ship plane bicycle truck tram wagon sled rocket")
INSTRUMENTS = _words("piano violin guitar drum flute harp trumpet cello horn bell")
FLOWERS = _words("rose tulip lily daisy violet poppy iris orchid sunflower daffodil")
JOBS = _words("teacher doctor farmer baker sailor painter cook driver nurse singer writer miner")
COUNTRIES = list(CAPITALS)
NAMES = _words(
    "Ada Ben Cora Dan Eva Finn Gus Hana Ivo Jane Karl Lena Max Nora Otto Paul Rosa Sam Tara Uma "
    "Vera Will Yara Zoe Anna Bruno Clara David Emma Felix Greta Hugo Ida Jonas Kira Leo Mia Nico"
)

# Singular and plural of what one may list, and the article's noun for "A rose is a flower."
KINDS: dict[str, tuple[str, list[str]]] = {
    "animal": ("animals", ANIMALS),
    "fruit": ("fruits", FRUITS),
    "vegetable": ("vegetables", VEGETABLES),
    "color": ("colors", COLOUR_NAMES),
    "tool": ("tools", TOOLS),
    "piece of furniture": ("pieces of furniture", FURNITURE),
    "piece of clothing": ("pieces of clothing", CLOTHES),
    "vehicle": ("vehicles", VEHICLES),
    "instrument": ("instruments", INSTRUMENTS),
    "flower": ("flowers", FLOWERS),
    "job": ("jobs", JOBS),
    "country": ("countries", COUNTRIES),
    "name": ("names", NAMES),
}

OTHER_NOUNS = _words(
    "book river stone cloud window door garden mountain bridge lake house tree road letter "
    "word song star moon island village forest castle tower farm school kitchen basket bottle "
    "candle pillow blanket ring coin crown map flag wheel engine machine network answer"
)
ADJECTIVES = _words(
    "little old quiet brave clever gentle happy tired young kind funny lazy proud shy strong "
    "tall hungry curious careful honest"
)

DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = _words(
    "January February March April May June July August September October November December"
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"

SMALL_NUMBERS = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")


def number_words(number: int) -> str:
    """English for 0 to 100: 47 is "forty-seven"."""
    if number < 20:
        return SMALL_NUMBERS[number]
    if number == 100:
        return "one hundred"
    tens, ones = divmod(number, 10)
    return TENS[tens - 2] + (f"-{SMALL_NUMBERS[ones]}" if ones else "")


def with_article(noun: str) -> str:
    """The noun, or adjective and noun, behind "a" or "an"; good for the words of these lists."""
    return f"an {noun}" if noun.startswith(("a", "e", "i", "o", "honest")) else f"a {noun}"


def plural(noun: str) -> str:
    """The plural of a noun of these lists."""
    if noun in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[noun]
    if noun.endswith(("s", "sh", "ch", "x")) or noun in ("potato", "tomato", "mango"):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return {"deer": "deer", "moose": "moose", "shelf": "shelves"}.get(noun, noun + "s")


PLURAL_NOUNS = sorted(
    {*IRREGULAR_PLURALS, *ANIMALS, *FRUITS, *VEGETABLES, *TOOLS, *OTHER_NOUNS, *JOBS, *FLOWERS}
    - {"corn", "spinach", "garlic", "lettuce", "celery"}
)
WORDS = sorted(
    {
        word
        for group in (
            *(members for _, members in KINDS.values()),
            OTHER_NOUNS,
            ADJECTIVES,
            OPPOSITES,
            OPPOSITES.values(),
            PAST_TENSES,
        )
        for word in group
        if word.islower() and word.isalpha()
    }
)
