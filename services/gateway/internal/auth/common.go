package auth

import (
	"errors"
	"strings"
	"sync"

	"github.com/trustelem/zxcvbn/frequency"
)

// ErrCommon says that a password is among those that are tried first.
var ErrCommon = errors.New("the password is a common one, a single word, or the username")

// leastPassword is the length of the shortest password that the interface takes; shorter ones need not be remembered.
const leastPassword = 8

// common are passwords that everybody tries first, in lower case: the most frequent ones of lists that have leaked, names, and
// words. They are some 41,000, of which ASVS 5.0 (6.2.4) asks for 3,000. Each word stands in one list of the library alone, so all
// of them are taken: jennifer is a name there.
var common = sync.OnceValue(func() map[string]struct{} {
	known := map[string]struct{}{}
	for _, list := range frequency.FrequencyLists {
		for _, word := range list {
			if len(word) >= leastPassword {
				known[word] = struct{}{}
			}
		}
	}
	return known
})

// CheckNew says whether a user may take a password, as far as guessing goes: ErrCommon if it is known to everybody. There are
// no rules of composition, which only lead to Password1!.
func CheckNew(username, password string) error {
	lower := strings.ToLower(password)
	if _, known := common()[lower]; known || lower == strings.ToLower(username) {
		return ErrCommon
	}
	return nil
}
