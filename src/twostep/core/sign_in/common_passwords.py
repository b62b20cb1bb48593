"""Common passwords, offline: our own compilation of words, and rules for what people make of them.

A list of finished passwords would be long and still miss `Passw0rd2031!`. Here stand the words
that people build on (what password dumps are full of: first names, pets, teams, seasons, love,
faith, games, the word "password" in many languages) and the paths that fingers take over a
keyboard. A password is common when it is nothing but

- one or two of the words, however often, with look-alike signs (`p@ssw0rd`) or without;
- runs along a keyboard, the alphabet or the digits, forwards or backwards (`qweasdzxc`);
- one character in a row, a few characters over and over, or anything at least three times over;
- a year;
- and up to four more digits or signs anywhere.

That covers the usual passwords of eight characters and more, and their doubled forms that reach
fifteen, while a sentence of three unconnected words passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator


MAX_LENGTH = 72
"""Longer ones are looked at for repetition only."""
SPARE = 4
MAX_WORDS = 2
FEW_CHARACTERS = 3
SHORT_UNIT = 4
OFTEN = 3
MIN_RUN = 3

# Lower case, without separators. Grouped only so that a reader finds the gaps.
_SAID = """
pass passwd password passwort passord wachtwoord kennwort motdepasse contrasena contraseña senha
salasana haslo heslo parola losenord lösenord adgangskode sifre şifre parol пароль passwords
passphrase passcode passkey secret secrets geheim geheimnis secreto segreto letmein letmeinnow
letmeinplease openup opensesame sesame knockknock trustno1 trustnoone whatever nothing something
anything idontknow dontknow unknown forgot forget forgotten remember remembered changeme changeit
changethis changenow default standard temporary temp temppass test tester testing tests testtest
testpass example sample guest visitor user username users login logon logmein signin account
access accessgranted admin admins administrator administrador root superuser sysadmin system
manager master masterkey owner server service support helpdesk computer laptop internet network
wireless website webmaster database oracle postgres mysql linux ubuntu windows microsoft apple
google facebook instagram twitter youtube amazon netflix spotify samsung android iphone nokia
motorola blackberry huawei sony playstation nintendo xbox yahoo hotmail gmail outlook cisco dell
welcome welcomehome welcomeback welcometo willkommen bienvenue bienvenido hello hellohello hallo
helloworld helloworld hola bonjour salut ciao goodbye goodmorning goodnight hithere yesyes please
office company business business work working worker student school college teacher university
security secure private privat public control panel controlpanel cpanel hosting plesk
"""
_LOVED = """
love loves loved lover lovers lovely loveme lovelove loveyou loveyou iloveyou iloveu iloveyousomuch
iloveyouforever iloveme ilovehim iloveher ilovegod ilovejesus ilovemymom ilovemyfamily ilovemylife
ilovemyself ilovecats ilovedogs ilovemusic myfamily mylove mybaby babe baby babyboy babygirl babydoll
sweet sweetie sweety sweetheart sweethearts honey honeybee darling angel angels angelito princess
princesa princesse prinzessin prince queen king kings liebe schatz schatzi hase mausi ichliebedich
tequiero teamo amor amore amour jetaime jetaimefort tiamo amormio mivida corazon chocolate schokolade
forever always together bestfriend bestfriends friend friends freunde friendship family familie
familia mother father mommy daddy mamma mama papa mom dad sister brother grandma grandpa cutie
beautiful handsome pretty sexy sexygirl hottie lovebug kisses smile smiley happy happiness lucky
freedom peace hope faith dream dreams dreamer destiny heaven blessed blessing grace mercy jesus
jesuschrist jesussaves jesuslovesme christ christian savior thelord praise lord godisgood godislove
godbless allah allahuakbar bismillah mohammed muhammad buddha krishna ganesha shiva waheguru
fuckyou fuckoff fuckme fuck fucker motherfucker asshole bitch bitches bullshit shithead sexsex
pussy dickhead bastard whatthefuck hateyou ihateyou iamgod killer killyou murder satan lucifer
"""
_NAMES = """
aaron adam adrian ahmed alan albert alejandro alejandra alessandro alessia alex alexa alexander
alexandra alexandre alexis alfred alice alicia alina alison allison amanda amber amelia amina
andrea andreas andrei andrew angela angelica angelina anita anna annika anthony antonio april
arthur ashley austin barbara beatriz benjamin bernard bernd bianca bonnie brandon brandy brenda
brian brianna britney brittany brooke bruno caitlin camila camille carina carla carlos carmen
carolina caroline catherine cecilia charles charlie charlotte chelsea chris christian christina
christine christoph christopher claire clara claudia claudio conor courtney cristian cristina
crystal cynthia daniel daniela danielle danny dave david deborah dennis derek diana diego dieter
dmitry dominic dominik donald dorothy dustin dylan edgar eduardo edward elena elisabeth elizabeth
ella emanuel emilia emily emma enrique eric erica erik ernesto ethan eugene evelyn fabian fatima
felipe felix fernanda fernando florian frances francesca francesco francis francisco frank franzi
frederic gabriel gabriela gabriella garrett gary george georgia gerald giovanni giuseppe gloria
gonzalo gordon grace graham gregory guillermo gustavo hannah hans harold harry hassan heather
hector heidi heinz helena helen henry howard hunter ibrahim ignacio ingrid irina isabel isabella
isabelle ivan jack jackie jackson jacob jaime james jamie janet jasmin jasmine jason javier jeffrey
jennifer jenny jeremy jerome jessica jesse joanna joel johanna johannes john johnny jonas jonathan
jordan jorge jose joseph joshua juan juliana julia julian julie julien juergen jürgen justin karen
karina karl katharina katherine kathleen kathrin katie katrin kayla keith kelly kenneth kevin
khaled kimberly klaus kristen kristina kyle larissa laura lauren laurent lawrence leila lena leon
leonard leonardo leslie linda lindsay lindsey lisa lorenzo louis louise lucas lucia luciana luis
lukas madison maggie manuel manuela marc marcel marcela marco marcos marcus margaret maria mariah
mariana marie marina mario marion marissa mark markus martha martin martina marvin mary mateo
mathias matteo matthew matthias maurice maxime maximilian maxwell megan melanie melissa mercedes
michael michaela michel michelle miguel mike mikhail mila miranda mitchell mohamed monica monika
monique morgan mustafa nadia nadine nancy natalia natalie natasha nathalie nathan nathaniel nicholas
nicola nicolas nicole nikita nikolai nina olga oliver olivia omar oscar pablo pamela pascal patricia
patrick paula pauline paul pedro peter petra philip philipp philippe phillip pierre rachel rafael
ralph ramona raphael raymond rebecca renate ricardo richard robert roberta roberto robin rodrigo
roger roland ronald rosemarie ruben russell ryan sabine sabrina sally samantha samuel sandra santiago
sarah sascha scott sebastian serena sergei sergey sergio shannon sharon shawn sheila shirley silke
silvia simon simone sofia sonia sophia sophie stacey stefan stefanie stephan stephanie stephen
steve steven stewart stuart susan susanne svetlana sylvia tamara tanja tanya tatiana taylor teresa
theresa thomas tiffany timothy tobias tommy tracey travis trevor tristan tyler ursula valentina
valentin valeria valerie vanessa veronica veronika victor victoria viktoria vincent virginia vivian
vladimir walter wayne wendy wilhelm william willy wolfgang xavier yasmin yolanda yvonne zachary
"""
_THINGS = """
monkey monkeys dragon dragons tiger tigers lion lions eagle eagles bear bears wolf wolves panther
panthers leopard jaguar cheetah elephant giraffe hippo penguin dolphin dolphins shark sharks whale
turtle snake cobra viper python spider spiderman scorpion butterfly ladybug dragonfly mustang horse
horses pony unicorn donkey chicken rooster turkey duck ducky falcon falcons hawk raven ravens
phoenix kitten kitty hellokitty kittycat puppy doggy doggie dogs cats rabbit bunny hamster mouse
mickey mickeymouse minnie donaldduck snoopy garfield scooby scoobydoo tweety pikachu pokemon naruto
dragonball simpsons bartman homer batman superman ironman hulk captain avengers wolverine joker
starwars startrek skywalker darthvader lukeskywalker yoda chewbacca jedi maytheforcebewithyou
gandalf frodo bilbo lordoftherings harrypotter hogwarts hermione matrix terminator godzilla
zombie vampire pirate pirates ninja samurai knight warrior warriors gladiator spartan spartans
hunter sniper soldier military marine marines army navy airforce police fireman firefighter doctor
nurse lawyer pilot cowboy cowboys indian indians gangster gangsta hacker player gamer legend winner
champion champions hero monster devil demon ghost shadow mystery magic magician wizard witch
football fussball futbol futebol soccer baseball basketball volleyball hockey tennis golf golfer
cricket rugby boxing wrestling swimming swimmer skating skateboard snowboard surfing surfer running
runner cycling racing nascar ferrari porsche mercedes lamborghini corvette camaro mustang chevrolet
chevy ford toyota honda yamaha suzuki kawasaki harley harleydavidson subaru nissan volkswagen audi
yankees redsox lakers celtics steelers packers patriots broncos raiders giants dodgers chelsea
chelseafc arsenal liverpool liverpoolfc everton tottenham manchester manutd manchesterunited united
barcelona realmadrid juventus inter acmilan bayern bayernmuenchen bayernmünchen borussia dortmund
schalke werder hamburg stpauli galatasaray fenerbahce besiktas flamengo corinthians palmeiras benfica
sporting porto ajax feyenoord messi ronaldo cristiano neymar beckham maradona pele zidane jordan
summer sommer winter spring frühling fruehling autumn herbst verano invierno primavera otoño season
january february march april june july august september october november december januar februar
märz maerz juni juli oktober dezember monday tuesday wednesday thursday friday saturday sunday
montag dienstag mittwoch donnerstag freitag samstag sonntag weekend birthday geburtstag christmas
weihnachten halloween easter ostern holiday holidays vacation urlaub party sunshine sunset sunrise
sunflower sonne sonnenschein sonnenblume moonlight moon mond star stars starlight galaxy universe
planet world earth nature ocean beach water fire ice snow snowball snowflake snowman rainbow thunder
lightning storm hurricane tornado flower flowers blume blumen rose roses lily daisy jasmine violet
orchid lavender cherry cherries strawberry blueberry banana bananas orange apple apples mango peach
lemon coconut pineapple pumpkin tomato potato cookie cookies cupcake candy icecream cheese cheesecake
pizza burger hamburger spaghetti pasta coffee kaffee whiskey vodka tequila budweiser heineken corona
cocacola pepsi pepper ginger vanilla sugar butter pancake peanut bubbles bubblegum popcorn muffin
black white blue green yellow purple pink silver gold golden diamond diamonds crystal emerald ruby
saphire sapphire platinum titanium iron steel metal metallica slipknot nirvana eminem rihanna beyonce
shakira madonna elvis elvispresley beatles thebeatles rollingstones acdc ironmaiden pinkfloyd guitar
piano drummer music musik musica hiphop rockstar rocknroll rapper dancer dance dancing disco london
paris berlin münchen muenchen hamburg köln frankfurt vienna wien zürich madrid roma milano napoli
lisboa moscow moskva istanbul ankara newyork brooklyn boston chicago houston dallas denver texas
california florida michigan virginia georgia carolina arizona hawaii america american usa canada
mexico brasil brazil argentina colombia england britain scotland ireland france germany deutschland
austria oesterreich österreich schweiz italia espana españa portugal poland polska russia россия
turkey türkiye turkiye india pakistan indonesia philippines pilipinas china japan korea australia
africa nigeria egypt israel internet minecraft fortnite roblox counterstrike callofduty warcraft
worldofwarcraft starcraft leagueoflegends diablo halflife zelda mario supermario sonic finalfantasy
money dinero geld million millionaire billion dollar dollars success powerful power strong business
boss bigboss bigdaddy bigdog biggie hotdog cool cooldude coolman coolgirl awesome amazing perfect
crazy stupid loser idiot smart genius number numberone first second hundred thousand seven eleven
lucky7 bond007 jamesbond agent rocket turbo speedy racecar airplane helicopter motorcycle bicycle
skyline midnight dark darkness darkangel blackcat blackbird redbull red blood bloody death skull
correcthorsebatterystaple correcthorse batterystaple thequickbrownfox quickbrownfox jumpsoverthelazydog
tobeornottobe ornottobe iamyourfather openthedoor onceuponatime livelaughlove carpediem hakunamatata
"""
WORDS = frozenset(f"{_SAID} {_LOVED} {_NAMES} {_THINGS}".split())
_LONGEST_WORD = max(map(len, WORDS))
_SHORTEST_WORD = min(map(len, WORDS))

# Rows and columns of keyboards (US, German, French, Cyrillic), the number pad, the alphabet.
_ROWS = """
01234567890 qwertyuiop[] asdfghjkl; zxcvbnm,./ !@#$%^&*()_+ abcdefghijklmnopqrstuvwxyz
qwertzuiopü asdfghjklöä yxcvbnm azertyuiop qsdfghjklm wxcvbn йцукенгшщзхъ фывапролджэ ячсмитьбю
1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm 8ik, 1qay2wsx3edc 1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p
qazwsxedcrfvtgbyhnujmikolp !qaz@wsx#edc$rfv q1w2e3r4t5y6u7i8o9p0 1q2w3e4r5t6z7u8i9o0p
1q2w3e4r5t6y7u8i9o0p a1s2d3f4g5h6 z1x2c3v4b5 a1b2c3d4e5f6g7h8 1a2b3c4d5e6f7g8h
147258369 159753 789456123 741852963 13579 24680 112233445566778899 11223344 102030405060
aabbccddeeff 123321 1234554321 123454321 qweasdzxc 1234qwerasdfzxcv qwer1234 123qweasdzxc
13579246810 31415926535897932384626433 27182818284590 1123581321345589
"""
_PATHS = tuple(_ROWS.split())
_RUNS = _PATHS + tuple(path[::-1] for path in _PATHS)

_YEAR = re.compile(r"(?:19[3-9]|20[0-4])\d")
_SEPARATORS = str.maketrans("", "", " -_.")
_LEET = {"@": "a", "4": "a", "8": "b", "3": "e", "0": "o", "$": "s", "5": "s", "7": "t", "+": "t"}
_AS_I = str.maketrans(_LEET | {"1": "i", "!": "i"})
_AS_L = str.maketrans(_LEET | {"1": "l", "!": "i"})


def is_common(folded: str) -> bool:
    """Tell whether a case-folded password is common, as the module's docstring defines it."""
    if len(set(folded)) <= FEW_CHARACTERS or _is_repetition(folded):
        return True
    if len(folded) > MAX_LENGTH:
        return False
    return any(_Cover(text).reaches_the_end() for text in {folded, folded.translate(_SEPARATORS)})


def _is_repetition(folded: str) -> bool:
    """Tell whether a short unit fills all of it, or any unit fills it three times or more."""
    # The shortest period of a text is where it first stands in itself again.
    unit = (folded + folded).find(folded, 1)
    if unit <= len(folded) // OFTEN:
        return True
    return any(
        folded == (folded[:size] * len(folded))[: len(folded)]
        for size in range(1, min(SHORT_UNIT, len(folded) // 2) + 1)
    )


class _Cover:
    """Tries to cover a text with words, runs, years and at most `SPARE` other signs."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._readings = tuple(dict.fromkeys((text, text.translate(_AS_I), text.translate(_AS_L))))
        # What led nowhere before is not walked again: "passpasspass…" has very many ways.
        self._dead_ends: set[tuple[int, int, frozenset[str]]] = set()

    def reaches_the_end(
        self, start: int = 0, spare: int = SPARE, words: frozenset[str] = frozenset()
    ) -> bool:
        if start == len(self._text):
            return True
        here = (start, spare, words)
        if here in self._dead_ends:
            return False
        self._dead_ends.add(here)
        return any(self.reaches_the_end(*step) for step in self._steps(start, spare, words))

    def _steps(
        self, start: int, spare: int, words: frozenset[str]
    ) -> Iterator[tuple[int, int, frozenset[str]]]:
        for word in self._words_at(start):
            known = words | {word}
            if len(known) <= MAX_WORDS:
                yield start + len(word), spare, known
        length = max(_run_at(self._text, start), 4 if _YEAR.match(self._text, start) else 0)
        if length >= MIN_RUN:
            yield start + length, spare, words
        if spare and not self._text[start].isalpha():
            yield start + 1, spare - 1, words

    def _words_at(self, start: int) -> Iterator[str]:
        """Yield the words that stand at `start` in any reading, longest first."""
        for size in range(_LONGEST_WORD, _SHORTEST_WORD - 1, -1):
            for reading in self._readings:
                if (word := reading[start : start + size]) in WORDS and len(word) == size:
                    yield word


def _run_at(text: str, start: int) -> int:
    """Return how far one character in a row, or one path of `_RUNS`, goes on from `start`."""
    same = len(text) - start - len(text[start:].lstrip(text[start]))
    along = MIN_RUN - 1
    while start + along < len(text) and any(
        text[start : start + along + 1] in run for run in _RUNS
    ):
        along += 1
    return max(same, along) if along >= MIN_RUN else same
