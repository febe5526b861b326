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
	me my i we us our you your please can could would will shall should may might just also any some all every
	show give tell list find get display print return fetch know about want like need let see look lookup search
	exactly currently now here called named titled entitled so then than well ok okay hi hello hey dear
	available recorded listed stored contained found existing exist exists got go whats what's who's where's how's
	one ones kind kinds sort full complete detail details info information overall altogether total many
	take takes people say says mean offer offers sell sells run runs come comes using out if yes i'm i'd let's`)

// unsupported are words of questions that this model does not even try: each
// would change the meaning of what is left without it.
var unsupported = set(`why median mode percent percentage ratio share fraction proportion difference compare compared comparison versus vs
	correlation correlate trend predict forecast recommend suggest similar increase decrease growth grew change changed
	second third fourth fifth half twice double random except excluding besides apart other another else neither nor
	never only but rank ranked percentile variance deviation standard near nearest closest furthest farthest % unless because
	today tomorrow yesterday week month quarter ago recently soon times`)

var negations = set(`not no without isn't aren't wasn't weren't don't doesn't didn't hasn't haven't isnt arent dont doesnt none non`)

// synonyms are groups of words, as stems, of which a question may use one and
// a header another.
var synonyms = [][]string{
	stemsOf("price cost fee charge fare tariff rent rate amount"),
	stemsOf("author writer write"),
	stemsOf("singer artist sing performer band"),
	stemsOf("maker manufacturer make producer brand"),
	stemsOf("teacher instructor lecturer teach"),
	stemsOf("manager boss head lead leader"),
	stemsOf("location place address venue site"),
	stemsOf("phone telephone mobile tel"),
	stemsOf("email mail e-mail"),
	stemsOf("salary wage pay income earn earning"),
	stemsOf("height tall elevation altitude"),
	stemsOf("weight heavy weigh mass"),
	stemsOf("duration length long minutes"),
	stemsOf("size area big large"),
	stemsOf("capacity seats places spaces docks"),
	stemsOf("population inhabitants residents"),
	stemsOf("rating score stars grade"),
	stemsOf("quantity stock copies units pieces"),
	stemsOf("city town"),
	stemsOf("country nation"),
	stemsOf("type kind category class"),
	stemsOf("opens open opening"),
	stemsOf("closes close closing shut"),
	stemsOf("name title"),
	stemsOf("department division"),
	stemsOf("job position role occupation profession"),
	stemsOf("speed velocity fast"),
	stemsOf("depth deep"),
	stemsOf("width wide"),
	stemsOf("film movie"),
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

// temporal stands for columns that say when.
const temporal = "@when"

// adjective is a word that compares: the largest is first when columns of
// "more" are in descending order, or columns of "less" in ascending order.
type adjective struct {
	more, less []string // stems of column names, the better ones first
}

var (
	money     = stemsOf("price cost fee charge fare tariff rent rate amount")
	pay       = stemsOf("salary wage pay income")
	bigness   = stemsOf("size area capacity population volume amount quantity")
	duration  = stemsOf("duration length minutes hours runtime time")
	happening = []string{temporal}
)

// adjectives has base forms; the other forms are made in compared.
var adjectives = map[string]adjective{
	"cheap": {less: money}, "inexpensive": {less: money}, "affordable": {less: money},
	"expensive": {more: money}, "pricey": {more: money}, "costly": {more: money}, "dear": {more: money},
	"big": {more: bigness}, "large": {more: bigness}, "great": {more: bigness}, "small": {less: bigness}, "tiny": {less: bigness},
	"old": {more: stemsOf("age"), less: happening}, "young": {less: stemsOf("age"), more: happening},
	"new": {more: happening, less: stemsOf("age")}, "recent": {more: happening}, "late": {more: happening}, "early": {less: happening},
	"tall": {more: stemsOf("height elevation")}, "high": {more: stemsOf("height elevation altitude")}, "low": {less: stemsOf("height elevation altitude")},
	"long": {more: duration}, "short": {less: append(stemsOf("height"), duration...)},
	"heavy": {more: stemsOf("weight mass")}, "light": {less: stemsOf("weight mass")},
	"fast": {more: stemsOf("speed velocity"), less: duration}, "slow": {less: stemsOf("speed velocity"), more: duration}, "quick": {more: stemsOf("speed"), less: duration},
	"good": {more: stemsOf("rating score stars grade")}, "bad": {less: stemsOf("rating score stars grade")},
	"deep": {more: stemsOf("depth")}, "wide": {more: stemsOf("width")}, "narrow": {less: stemsOf("width")},
	"hot": {more: stemsOf("temperature")}, "warm": {more: stemsOf("temperature")}, "cold": {less: stemsOf("temperature")},
	"rich": {more: append(stemsOf("wealth fortune gdp"), pay...)}, "poor": {less: append(stemsOf("wealth fortune gdp"), pay...)},
	"populous": {more: stemsOf("population")}, "popular": {more: stemsOf("popularity views sales")}, "paid": {more: pay},
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

// flip gives the opposite direction, for "least".
func (a adjective) flip() adjective { return adjective{more: a.less, less: a.more} }

// Words that ask for a column by what it holds.
var (
	placeWords  = stemsOf("location place address city town venue street country district region area site room")
	personWords = stemsOf("author writer artist singer director owner manager teacher person name contact employee member doctor player customer")
)
