// Runs a program in this console, and presses Ctrl-C.
//
//   signals.exe FILE PROGRAM ARGUMENTS…
//
// The event is sent as soon as FILE is there. Ends with the program's exit code.
#include <wchar.h>
#include <windows.h>

static BOOL WINAPI ignore(DWORD event) { return event == CTRL_C_EVENT; }

int wmain(int count, wchar_t **words) {
    if (count < 3) return 90;
    static wchar_t line[32768];
    for (int i = 2; i < count; i++) {
        wcscat(line, L"\"");
        wcscat(line, words[i]);
        wcscat(line, L"\" ");
    }
    STARTUPINFOW start = {sizeof start};
    PROCESS_INFORMATION process;
    if (!CreateProcessW(0, line, 0, 0, FALSE, 0, 0, 0, &start, &process)) return 91;
    // From here on this process ignores what it sends; the program was started without that.
    SetConsoleCtrlHandler(ignore, TRUE);
    while (GetFileAttributesW(words[1]) == INVALID_FILE_ATTRIBUTES) Sleep(20);
    if (!GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0)) return 93;
    WaitForSingleObject(process.hProcess, INFINITE);
    DWORD code = 94;
    GetExitCodeProcess(process.hProcess, &code);
    return (int)code;
}
