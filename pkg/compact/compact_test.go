package compact_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hourglass-trading/hourglass/pkg/compact"
)

// number is an Appender and empty at zero.
type number int64

func (n number) MarshalJSON() ([]byte, error) { return n.AppendJSON(nil), nil }
func (n number) AppendJSON(b []byte) []byte {
	return append(b, strings.Repeat("7", int(uint64(n)%5)+1)...)
}
func (n number) IsZero() bool { return n == 0 || n == 3 }

// odd has a form of its own, and text a text.
type odd struct{ A string }

func (o *odd) MarshalJSON() ([]byte, error) { return json.Marshal("odd " + o.A) }

type text struct{ a int }

func (t text) MarshalText() ([]byte, error) { return []byte{'<', byte('a' + t.a)}, nil }

type key string

type inner struct {
	Of     int `json:"of"`
	Within *inner
}

type deeper struct {
	Deep bool `json:"deep,omitempty"`
}

type embedded struct {
	deeper

	Em string `json:"em,omitzero"`
}

// all has a field of each kind.
type all struct {
	embedded

	Plain   string
	Bool    bool               `json:"bool,omitempty"`
	Small   int8               `json:"small,omitempty"`
	Word    uint64             `json:",omitempty"`
	Float   float64            `json:"float,omitzero"`
	Number  number             `json:"number,omitzero"`
	Ptr     *number            `json:"ptr"`
	PtrZero *number            `json:"ptr_zero,omitzero"`
	At      time.Time          `json:"at"`
	Ended   time.Time          `json:"ended,omitzero"`
	List    []string           `json:"list"`
	Few     []inner            `json:"few,omitempty"`
	Inner   inner              `json:"inner,omitzero"`
	Always  inner              `json:"always,omitempty"`
	Deep    *inner             `json:"deep_inner,omitempty"`
	Odd     odd                `json:"odd"`
	Odds    []*odd             `json:"odds,omitempty"`
	Text    text               `json:"text,omitzero"`
	Map     map[key]number     `json:"map"`
	Other   map[string]float64 `json:"other,omitempty"`
	Bytes   []byte             `json:"bytes"`
	Array   [2]number          `json:"array,omitzero"`
	Any     any                `json:"any,omitempty"`
	Hidden  string             `json:"-"`
	private string
}

var encoder = compact.For[all](compact.Map[key, number]())

var word = rapid.StringOfN(rapid.SampledFrom([]rune("abc \"\\<>&\u2028ü\x00\x7f\x1f~")), 0, 6, -1)

var instant = rapid.Custom(func(t *rapid.T) time.Time {
	at := time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
	switch rapid.IntRange(0, 3).Draw(t, "zone") {
	case 0:
		return time.Time{}
	case 1:
		return at.In(time.FixedZone("x", rapid.IntRange(-100_000, 100_000).Draw(t, "offset")))
	}
	return at.UTC()
})

func draw(t *rapid.T) all {
	some := func(what string) bool { return rapid.Bool().Draw(t, what) }
	n := func(what string) int64 { return rapid.Int64Range(0, 4).Draw(t, what) }
	a := all{
		Plain: word.Draw(t, "plain"), Bool: some("bool"), Small: int8(n("small")) - 2, Word: math.MaxUint64 * uint64(n("word")),
		Float: float64(n("float")) / 3, Number: number(n("number")), At: instant.Draw(t, "at"), Ended: instant.Draw(t, "ended"),
		Hidden: "h", private: "p", Text: text{int(n("text"))}, Odd: odd{word.Draw(t, "odd")},
		Array: [2]number{0, number(n("array"))},
	}
	a.Deep, a.Em, a.embedded.Deep = nil, word.Draw(t, "em"), some("deep")
	if some("more") {
		x := number(n("ptr"))
		a.Ptr, a.PtrZero = &x, &x
		a.List, a.Few = []string{}, []inner{{Of: 1, Within: &inner{Of: 2, Within: &inner{}}}}
		a.Inner, a.Deep = inner{Within: &inner{}}, &inner{Of: 3}
		a.Odds = []*odd{nil, {A: "x"}}
		a.Map, a.Other, a.Bytes, a.Any = map[key]number{}, map[string]float64{"b": 1, "a": 2}, []byte("bytes"), a.Inner
	}
	for range n("entries") {
		a.List = append(a.List, word.Draw(t, "entry"))
		if a.Map == nil {
			a.Map = map[key]number{}
		}
		a.Map[key(word.Draw(t, "key"))] = number(n("value"))
	}
	return a
}

func TestItWritesTheBytesOfEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := draw(t)
		want, wantErr := json.Marshal(&a)
		got, err := encoder.Append([]byte("before "), &a)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, want %v", err, wantErr)
		}
		if err == nil && !bytes.Equal(got, append([]byte("before "), want...)) {
			t.Fatalf("wrote\n%s, want\n%s", got, want)
		}
	})
}

func TestATypeThatIsAmbiguousIsRefused(t *testing.T) {
	refused := func(name string, try func()) {
		defer func() {
			if recover() == nil {
				t.Errorf("%s was taken", name)
			}
		}()
		try()
	}
	type base struct{ A int }
	refused("a name twice", func() {
		compact.For[struct {
			base
			B int `json:"A"`
		}]()
	})
	refused("an embedded pointer", func() { compact.For[struct{ *base }]() })
	refused("an option of another kind", func() {
		compact.For[struct {
			A int `json:"a,string"`
		}]()
	})
	refused("a name with an escape", func() {
		compact.For[struct {
			A int `json:"a<b"`
		}]()
	})
}

func TestMapsOfManyAreSorted(t *testing.T) {
	m := struct{ M map[key]number }{map[key]number{}}
	for i := range 40 {
		m.M[key(rune('0'+i))] = number(i)
	}
	want, err := json.Marshal(&m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := compact.For[struct{ M map[key]number }](compact.Map[key, number]()).Append(nil, &m)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("wrote\n%s, want\n%s (%v)", got, want, err)
	}
}
