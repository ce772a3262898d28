"""What synthetic persons are made of: common Belgian names and real places, combined at random."""

from __future__ import annotations

from typing import NamedTuple

MEN = (
    "Adam", "Alexandre", "Antoine", "Arthur", "Bernard", "Christian", "Claude", "Daniel", "Éric", "Étienne",
    "François", "Gabriel", "Georges", "Hugo", "Jacques", "Jean", "Jérôme", "Jules", "Julien", "Louis",
    "Luc", "Lucas", "Marc", "Maxime", "Michel", "Mohamed", "Nathan", "Nicolas", "Noah", "Olivier", "Patrick",
    "Paul", "Philippe", "Pierre", "René", "Sébastien", "Simon", "Thomas", "Victor", "Yves",
)  # fmt: skip
WOMEN = (
    "Agnès", "Alice", "Anne", "Camille", "Catherine", "Chloé", "Christine", "Claire", "Élise", "Émilie",
    "Emma", "Fatima", "Françoise", "Hélène", "Inès", "Isabelle", "Jacqueline", "Jeanne", "Julie", "Juliette",
    "Laura", "Léa", "Louise", "Lucie", "Manon", "Marie", "Martine", "Mathilde", "Mila", "Monique", "Nathalie",
    "Nicole", "Olivia", "Pauline", "Sarah", "Sophie", "Thérèse", "Valérie", "Véronique", "Zoé",
)  # fmt: skip
FAMILIES = (
    "Bodart", "Claes", "Collard", "Delvaux", "Denis", "Dubois", "Dumont", "Dupont", "Evrard", "François",
    "Gérard", "Gilles", "Goffin", "Henry", "Hubert", "Jacobs", "Janssens", "Lambert", "Laurent", "Leclercq",
    "Lejeune", "Lemaire", "Leroy", "Maes", "Martin", "Mathieu", "Mertens", "Noël", "Peeters", "Petit",
    "Pirard", "Renard", "Servais", "Simon", "Thomas", "Toussaint", "Van Damme", "Wauters", "Willems", "Wouters",
)  # fmt: skip
STREETS = (
    "Rue de l'Église", "Rue du Moulin", "Avenue des Tilleuls", "Chaussée de Bruxelles", "Rue de la Station",
    "Place communale", "Rue des Écoles", "Chemin du Bois", "Rue Haute", "Clos des Chênes",
)  # fmt: skip


class Municipality(NamedTuple):
    """A commune: NIS code, postcode and name in its own language."""

    nis: str
    postcode: str
    name: str
    language: str


MUNICIPALITIES = (
    Municipality("92094", "5000", "Namur", "fr"),
    Municipality("62063", "4000", "Liège", "fr"),
    Municipality("52011", "6000", "Charleroi", "fr"),
    Municipality("53053", "7000", "Mons", "fr"),
    Municipality("57081", "7500", "Tournai", "fr"),
    Municipality("63079", "4800", "Verviers", "fr"),
    Municipality("61031", "4500", "Huy", "fr"),
    Municipality("81001", "6700", "Arlon", "fr"),
    Municipality("91034", "5500", "Dinant", "fr"),
    Municipality("92142", "5030", "Gembloux", "fr"),
    Municipality("92003", "5300", "Andenne", "fr"),
    Municipality("25112", "1300", "Wavre", "fr"),
    Municipality("25072", "1400", "Nivelles", "fr"),
    Municipality("51004", "7800", "Ath", "fr"),
    Municipality("63023", "4700", "Eupen", "de"),
)
NAMUR, EUPEN = MUNICIPALITIES[0], MUNICIPALITIES[-1]


class Country(NamedTuple):
    """A country: ISO 3166 code, NIS code, name."""

    iso: str
    nis: str
    name: str


BELGIUM = Country("BE", "150", "Belgique")
FRANCE = Country("FR", "111", "France")
ITALY = Country("IT", "128", "Italie")
SYRIA = Country("SY", "261", "Syrie")
MOROCCO = Country("MA", "354", "Maroc")
