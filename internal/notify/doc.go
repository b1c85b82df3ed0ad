// Package notify owns the delivery of alerts to receivers: webhooks and commands of the
// operator's.
//
// A Dispatcher reads alerts in the log of happenings. Each receiver has a bounded queue and a
// cursor on disk. It gets its messages in order, one at a time, each until the receiver has
// taken it, whatever happens to the others. After a restart a receiver goes on after the last
// message that it has taken. A kill -9 between that and the next write of the cursor repeats
// one message, which has the same number then.
//
// If too many messages wait, the oldest are dropped, and the receiver is told how many. A
// message that the receiver refuses as such is dropped after three attempts.
//
// Run starts a goroutine for each receiver, and one that reads the log. It returns when they
// have ended.
package notify
