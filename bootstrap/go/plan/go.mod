module nuka.invalid/go-plan

go 1.27
