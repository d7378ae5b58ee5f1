#!/bin/sh
# The weather of a city, for jobs/tools.toml. A tool reads the arguments of the model's call, a JSON object, on
# standard input; what it prints goes back to the model. Whatever ends with another code than 0 fails the row, and
# standard error says why. This one knows a table; yours may ask a service.
city=$(sed -n 's/.*"location"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p')
case $city in
    '') echo "the call names no location" >&2; exit 1 ;;
    Paris*) weather='"sky": "clear", "celsius": 24, "rain_percent": 5' ;;
    Bergen*) weather='"sky": "rain", "celsius": 11, "rain_percent": 90' ;;
    Bangkok*) weather='"sky": "thunderstorms", "celsius": 33, "rain_percent": 70' ;;
    Nairobi*) weather='"sky": "sunny", "celsius": 22, "rain_percent": 10' ;;
    Montevideo*) weather='"sky": "windy", "celsius": 18, "rain_percent": 20' ;;
    *) weather='"sky": "partly cloudy", "celsius": 19, "rain_percent": 25' ;;
esac
printf '{"location": "%s", %s}\n' "$city" "$weather"
