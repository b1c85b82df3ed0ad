package metrics

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The families of every process. Their names are those that all programs have for them.
var (
	processCPU     = Family{"process_cpu_seconds_total", Counter, "seconds", nil, "Processor time that the process has used."}
	processMemory  = Family{"process_resident_memory_bytes", Gauge, "bytes", nil, "Resident memory of the process."}
	processVirtual = Family{"process_virtual_memory_bytes", Gauge, "bytes", nil, "Virtual memory of the process."}
	processFiles   = Family{"process_open_fds", Gauge, "", nil, "Open files of the process."}
	processMost    = Family{"process_max_fds", Gauge, "", nil, "How many files the process may open."}
	processThreads = Family{"process_threads", Gauge, "", nil, "Threads of the process."}
	processStart   = Family{"process_start_time_seconds", Gauge, "seconds", nil, "When the process started, in Unix time."}
	goGoroutines   = Family{"go_goroutines", Gauge, "", nil, "Goroutines of the process."}
	goHeap         = Family{"go_heap_objects_bytes", Gauge, "bytes", nil, "Memory of objects that are in use, or are not collected yet."}
	goMemory       = Family{"go_memory_classes_bytes", Gauge, "bytes", nil, "Memory that the runtime of Go has mapped."}
	goCollections  = Family{"go_gc_cycles_total", Counter, "", nil, "Garbage collections that have ended."}
)

// ProcessFamilies are those of every process of ours.
func ProcessFamilies() []*Family {
	return []*Family{
		&processCPU, &processMemory, &processVirtual, &processFiles, &processMost, &processThreads, &processStart,
		&goGoroutines, &goHeap, &goMemory, &goCollections,
	}
}

// process adds the figures of this process. What the kernel does not tell is left out.
func (s *sheet) process() {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
		s.line(&processCPU, "", time.Duration(usage.Utime.Nano()+usage.Stime.Nano()).Seconds(), "")
	}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		s.line(&processMost, "", float64(limit.Cur), "")
	}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		s.line(&processFiles, "", float64(len(files)-1), "") // without the one that reads them
	}
	s.stat()
	figures := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(figures)
	for i, f := range []*Family{&goGoroutines, &goHeap, &goMemory, &goCollections} {
		if figures[i].Value.Kind() == metrics.KindUint64 {
			s.line(f, "", float64(figures[i].Value.Uint64()), "")
		}
	}
}

// ticks is how many of the kernel's ticks a second has, for programs (USER_HZ).
const ticks = 100

// stat adds what /proc/self/stat has.
func (s *sheet) stat() {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name before it may have blanks
	fields := strings.Fields(rest)
	field := func(i int) float64 { // i as in proc(5), where the name is 2
		if i-3 >= len(fields) {
			return 0
		}
		n, _ := strconv.ParseFloat(fields[i-3], 64) // zero if it is none
		return n
	}
	s.line(&processThreads, "", field(20), "")
	s.line(&processVirtual, "", field(23), "")
	s.line(&processMemory, "", field(24)*float64(os.Getpagesize()), "")
	text, err = os.ReadFile("/proc/stat")
	if err != nil {
		return
	}
	_, after, _ := strings.Cut(string(text), "\nbtime ")
	booted, _, _ := strings.Cut(after, "\n")
	if at, err := strconv.ParseFloat(booted, 64); err == nil {
		s.line(&processStart, "", at+field(22)/ticks, "")
	}
}
