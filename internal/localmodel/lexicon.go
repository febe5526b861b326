package localmodel

import "strings"

// set makes a set of the words in a text.
func set(text string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(text) {
		m[w] = true
	}
	return m
}

// fillers carry no meaning for a look-up: what is left without them must be
// understood.
var fillers = set(`a an the of in on at for to from is are was were be been being do does did has have had having
	there this these those that which what who whom whose it its their they them he she and as by with within into
	me my i we us our you your please can could would will shall should might just also only any some all every
	show give tell list find get display print return fetch know about want need let see look lookup search check if
	exactly currently now here called named titled entitled so then well ok okay hi hello hey dear
	recorded listed stored contained contain contains containing include includes including used located situated
	work works working live lives living belong belongs go goes become became existing exist exists got whats what's who's where's how's
	one ones kind kinds full complete detail details info information overall altogether total many
	take takes yes i'm i'd let's`)

// unsupported are words of questions that this model does not even try: each
// would change the meaning of what is left without it.
var unsupported = set(`why median mode percent percentage ratio share fraction proportion difference compare compared comparison versus vs
	correlation correlate trend predict forecast recommend suggest similar increase decrease growth grew change changed
	first last second third fourth fifth half twice double random except excluding besides apart other another else neither nor
	never but rank ranked percentile variance deviation standard near nearest closest furthest farthest % unless because range
	today tomorrow yesterday week month quarter ago recently soon times more less than fewer most least fewest between
	under over above below after before since until during average mean sum same like how`)

var negations = set(`not no without isn't aren't wasn't weren't don't doesn't didn't hasn't haven't isnt arent dont doesnt none non`)

// synonyms are groups of words, as stems, of which a question may use one and
// a header another.
var synonyms = [][]string{
	money,
	stemsOf("author writer write"),
	stemsOf("singer artist sing performer band"),
	stemsOf("maker manufacturer make producer brand"),
	stemsOf("teacher instructor lecturer teach"),
	stemsOf("manager boss head lead leader"),
	stemsOf("location place address venue site"),
	stemsOf("phone telephone mobile tel"),
	stemsOf("number no nr"),
	stemsOf("email mail e-mail"),
	append(stemsOf("earn earning"), pay...),
	append(stemsOf("pay"), money...),
	stemsOf("height tall elevation altitude"),
	stemsOf("weight heavy weigh mass"),
	stemsOf("duration length long minutes"),
	stemsOf("size area big large"),
	stemsOf("capacity seats places spaces docks"),
	stemsOf("population inhabitants residents people"),
	stemsOf("rating score stars grade"),
	stemsOf("quantity qty stock copies available"),
	stemsOf("city town"),
	stemsOf("country nation"),
	stemsOf("type kind category class"),
	stemsOf("opens open opening"),
	stemsOf("closes close closing shut"),
	stemsOf("name title"),
	stemsOf("department dept division"),
	stemsOf("job position role occupation profession"),
	stemsOf("speed velocity fast"),
	stemsOf("depth deep"),
	stemsOf("width wide"),
	stemsOf("film movie"),
	stemsOf("customer client person"),
	stemsOf("product item article"),
	stemsOf("employee staff worker person"),
	stemsOf("student pupil"),
	stemsOf("dish meal"),
	stemsOf("min minutes"),
	stemsOf("year date"),
}

func stemsOf(text string) []string {
	var out []string
	for _, w := range strings.Fields(text) {
		out = append(out, stem(w))
	}
	return out
}

// kin gives the stems that mean the same as a stem, itself not included.
func kin(s string) []string {
	var out []string
	for _, group := range synonyms {
		for _, g := range group {
			if g == s {
				for _, other := range group {
					if other != s {
						out = append(out, other)
					}
				}
				break
			}
		}
	}
	return out
}

// temporal stands for columns that say when; origin for those of them that can
// say how old something is, which the day on which a person was hired cannot.
const (
	temporal = "@when"
	origin   = "@origin"
)

// hint is a column, by a stem of its name, that an adjective is about. The
// largest are those with the highest values, the cheapest those with the lowest.
type hint struct {
	stem string
	desc bool
}

// adjective is a word that compares, with its hints, the better ones first.
type adjective []hint

// hints reads a list such as "age+ birth-": the oldest have the highest age or
// the lowest date of birth.
func hints(list string) adjective {
	var a adjective
	for _, h := range strings.Fields(list) {
		name := h[:len(h)-1]
		if name[0] != '@' {
			name = stem(name)
		}
		a = append(a, hint{name, h[len(h)-1] == '+'})
	}
	return a
}

// flip gives the opposite, for "least".
func (a adjective) flip() adjective {
	out := make(adjective, len(a))
	for i, h := range a {
		out[i] = hint{h.stem, !h.desc}
	}
	return out
}

// upward reports whether the adjective stands for high values by itself, where
// the question names a column that is not among its hints.
func (a adjective) upward() bool { return len(a) > 0 && a[0].desc }

const (
	moneyUp  = "price+ cost+ fee+ charge+ fare+ tariff+ rent+ amount+"
	payUp    = "salary+ wage+ pay+ income+"
	sizeUp   = "size+ area+ capacity+ population+ volume+ quantity+"
	lengthUp = "duration+ length+ runtime+ minutes+ hours+"
	ageUp    = "age+ birth- born- built- founded- year- @origin-"
)

// adjectives has base forms; the other forms are made in compared.
var adjectives = map[string]adjective{
	"expensive": hints(moneyUp), "pricey": hints(moneyUp), "costly": hints(moneyUp), "dear": hints(moneyUp),
	"cheap": hints(moneyUp).flip(), "inexpensive": hints(moneyUp).flip(), "affordable": hints(moneyUp).flip(),
	"big": hints(sizeUp), "large": hints(sizeUp), "great": hints(sizeUp), "small": hints(sizeUp).flip(), "tiny": hints(sizeUp).flip(),
	"old": hints(ageUp), "young": hints(ageUp).flip(),
	"new": hints("@when+"), "recent": hints("@when+"), "late": hints("@when+"), "early": hints("@when+").flip(),
	"tall": hints("height+ elevation+"), "high": hints("height+ elevation+ altitude+"), "low": hints("height+ elevation+ altitude+").flip(),
	"long": hints(lengthUp), "short": hints("height+ " + lengthUp).flip(),
	"heavy": hints("weight+ mass+"), "light": hints("weight+ mass+").flip(),
	"fast": hints("speed+ velocity+ duration-"), "slow": hints("speed+ velocity+ duration-").flip(), "quick": hints("speed+ duration-"),
	"good": hints("rating+ score+ stars+ grade+"), "bad": hints("rating+ score+ stars+ grade+").flip(),
	"deep": hints("depth+"), "shallow": hints("depth-"), "wide": hints("width+"), "narrow": hints("width-"),
	"hot": hints("temperature+"), "warm": hints("temperature+"), "cold": hints("temperature-"),
	"rich": hints("wealth+ fortune+ gdp+ " + payUp), "poor": hints("wealth+ fortune+ gdp+ " + payUp).flip(), "paid": hints(payUp),
	"populous": hints("population+"), "popular": hints("popularity+ views+ sales+"),
}

var irregularForms = map[string]struct{ base, degree string }{
	"best": {"good", "est"}, "better": {"good", "er"}, "worst": {"bad", "est"}, "worse": {"bad", "er"},
	"latest": {"late", "est"}, "last": {"late", "est"}, "first": {"early", "est"}, "biggest": {"big", "est"}, "bigger": {"big", "er"},
	"hottest": {"hot", "est"}, "hotter": {"hot", "er"}, "later": {"late", "er"},
	"maximum": {"high", "est"}, "max": {"high", "est"}, "minimum": {"low", "est"}, "min": {"low", "est"}, "fewest": {"low", "est"},
	"after": {"late", "er"}, "before": {"early", "er"},
}

// compared takes a word such as cheapest or cheaper apart: the base form, and
// "est", "er" or "" for the base form itself.
func compared(w string) (base, degree string, ok bool) {
	if form, ok := irregularForms[w]; ok {
		return form.base, form.degree, true
	}
	if _, ok := adjectives[w]; ok {
		return w, "", true
	}
	for _, degree := range []string{"est", "er"} {
		root, ok := strings.CutSuffix(w, degree)
		if !ok {
			continue
		}
		for _, base := range []string{root, root + "e", strings.TrimSuffix(root, "i") + "y"} {
			if _, ok := adjectives[base]; ok {
				return base, degree, true
			}
		}
	}
	return "", "", false
}

// Words of columns, by what they hold.
var (
	money   = stemsOf("price cost fee charge fare tariff rent amount")
	pay     = stemsOf("salary wage pay income")
	stock   = stemsOf("quantity qty stock copies")
	serving = stemsOf("hire hired join joined start enrolled employed updated login")
	sources = stemsOf("origin from source departure start sender")
	targets = stemsOf("destination to target arrival end recipient")

	placeWords  = stemsOf("location place address city town venue street country district region area site room")
	personWords = stemsOf("author writer artist singer director owner manager teacher person name contact employee member doctor player customer")
)
