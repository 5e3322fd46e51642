// Runs a program in this console, and sends it what a person or Windows would.
//
//   signals.exe c|break FILE PROGRAM ARGUMENTS…
//
// The event is sent as soon as FILE is there. Ends with the program's exit code.
#include <wchar.h>
#include <windows.h>

static BOOL WINAPI ignore(DWORD event) { return event != CTRL_CLOSE_EVENT; }

int wmain(int count, wchar_t **words) {
    if (count < 4) return 90;
    DWORD event = wcscmp(words[1], L"c") ? CTRL_BREAK_EVENT : CTRL_C_EVENT;
    static wchar_t line[32768];
    for (int i = 3; i < count; i++) {
        wcscat(line, L"\"");
        wcscat(line, words[i]);
        wcscat(line, L"\" ");
    }
    STARTUPINFOW start = {sizeof start};
    PROCESS_INFORMATION process;
    if (!CreateProcessW(0, line, 0, 0, FALSE, 0, 0, 0, &start, &process)) return 91;
    // From here on this process ignores what it sends; the program was started without that.
    SetConsoleCtrlHandler(ignore, TRUE);
    while (GetFileAttributesW(words[2]) == INVALID_FILE_ATTRIBUTES) Sleep(20);
    if (!GenerateConsoleCtrlEvent(event, 0)) return 93;
    WaitForSingleObject(process.hProcess, INFINITE);
    DWORD code = 94;
    GetExitCodeProcess(process.hProcess, &code);
    return (int)code;
}
