package tasks

import (
	"strconv"
	"strings"
)

// sundayAsZero writes Sunday in a schedule's last field as 0 if it is 7. Cron allows 7
// and the library does not. "5-7" becomes "5,6,0".
func sundayAsZero(spec string) string {
	fields := strings.Fields(spec)
	if len(fields) != 5 || !strings.Contains(fields[4], "7") {
		return spec
	}
	days := strings.Split(fields[4], ",")
	for i, day := range days {
		days[i] = daysUntilSunday(day)
	}
	fields[4] = strings.Join(days, ",")
	return strings.Join(fields, " ")
}

// daysUntilSunday lists the days of a range that ends with 7. It returns any other text
// unchanged. The library reports what is wrong with it.
func daysUntilSunday(text string) string {
	span, every, stepped := strings.Cut(text, "/")
	first, last, isRange := strings.Cut(span, "-")
	if !isRange {
		last = first
	}
	step := 1
	if stepped {
		step, _ = strconv.Atoi(every)
	}
	day := dayNumber(first)
	if last != "7" || day < 0 || step < 1 {
		return text
	}
	var days []string
	for ; day <= 7; day += step {
		days = append(days, strconv.Itoa(day%7))
	}
	return strings.Join(days, ",")
}

// dayNumber returns the number of a day, from 0 to 7, or -1 if the text is not a day.
func dayNumber(text string) int {
	if len(text) == 3 {
		if at := strings.Index("sunmontuewedthufrisat", strings.ToLower(text)); at >= 0 && at%3 == 0 {
			return at / 3
		}
	}
	if len(text) == 1 && text >= "0" && text <= "7" {
		return int(text[0] - '0')
	}
	return -1
}
