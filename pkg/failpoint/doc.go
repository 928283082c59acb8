// Package failpoint names the places in a service at which its death or its freeze is tried out.
//
// In an ordinary build At does nothing and costs nothing. Built with the tag failpoints, a process kills or freezes itself at
// the place that HOURGLASS_FAILPOINT names, so that a test can say where and not only when. At may be called by any number of
// goroutines. It never lets a failure be seen as an error: whoever needs that puts a proxy before the bus.
package failpoint

// The places. Each is passed many times in a life; which passing counts is said with the name.
const (
	BeforePublish = "before_publish" // an event is decided and not sent
	AfterPublish  = "after_publish"  // it is stored, and its writer does not know what follows
	BeforeBatch   = "before_batch"   // several events are decided and not sent
	AfterBatch    = "after_batch"    // all or none of them are stored, and their writer does not know
	BeforeBeat    = "before_beat"    // an executor is about to say that it lives
	BetweenLeases = "between_leases" // it has taken or given a partition and has more to do
	AfterCommand  = "after_command"  // a gateway has stored a command and has not heard what became of it
)
